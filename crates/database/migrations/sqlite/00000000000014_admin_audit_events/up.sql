-- Who changed what by admin-api: the columns of GitLab's audit_events.

CREATE TABLE admin_audit_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  author_id INTEGER NOT NULL,
  entity_id INTEGER NOT NULL,
  entity_type TEXT NOT NULL,
  details TEXT NOT NULL,
  ip_address TEXT,
  author_name TEXT NOT NULL,
  entity_path TEXT NOT NULL,
  target_details TEXT NOT NULL,
  created_at TEXT NOT NULL,
  target_type TEXT NOT NULL,
  target_id INTEGER NOT NULL
);
