-- The fields of an audit event as columns with the names of GitLab's audit log, instead of one document.

ALTER TABLE admin_audit_events ADD COLUMN event_name TEXT NOT NULL DEFAULT '';
ALTER TABLE admin_audit_events ADD COLUMN author_type TEXT NOT NULL DEFAULT 'user';
ALTER TABLE admin_audit_events ADD COLUMN impersonated_by TEXT;
ALTER TABLE admin_audit_events ADD COLUMN gl_namespace_id INTEGER;
ALTER TABLE admin_audit_events ADD COLUMN correlation_id TEXT;
ALTER TABLE admin_audit_events ADD COLUMN before TEXT;
ALTER TABLE admin_audit_events ADD COLUMN after TEXT;

UPDATE admin_audit_events SET
  event_name = COALESCE(details ->> 'event_name', ''),
  impersonated_by = details ->> 'impersonated_by',
  gl_namespace_id = CASE WHEN entity_type = 'Group' THEN entity_id END,
  before = CASE WHEN details ->> 'event_name' LIKE '%\_removed' ESCAPE '\'
    THEN json_object('reason', details ->> 'reason') END,
  after = CASE WHEN details ->> 'event_name' LIKE '%\_created' ESCAPE '\'
    THEN json_object('reason', details ->> 'reason') END;

ALTER TABLE admin_audit_events DROP COLUMN details;

CREATE INDEX index_admin_audit_events_on_target_id ON admin_audit_events (target_id);
