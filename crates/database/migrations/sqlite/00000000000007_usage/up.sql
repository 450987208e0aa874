-- What kas reports, where there is no Redis to count it in.

CREATE TABLE kas_counters (
  name TEXT PRIMARY KEY NOT NULL,
  value INTEGER NOT NULL
);

CREATE TABLE kas_unique_counters (
  name TEXT NOT NULL,
  iso_week TEXT NOT NULL,
  entity_id INTEGER NOT NULL,
  PRIMARY KEY (name, iso_week, entity_id)
);

CREATE TABLE kas_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL,
  user_id INTEGER,
  project_id INTEGER,
  properties TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX kas_events_created_at_idx ON kas_events (created_at);
