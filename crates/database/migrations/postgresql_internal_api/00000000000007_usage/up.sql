-- What kas reports, where there is no Redis to count it in.

CREATE TABLE kas_counters (
  name text PRIMARY KEY,
  value bigint NOT NULL
);

CREATE TABLE kas_unique_counters (
  name text NOT NULL,
  iso_week text NOT NULL,
  entity_id bigint NOT NULL,
  PRIMARY KEY (name, iso_week, entity_id)
);

CREATE TABLE kas_events (
  id bigserial PRIMARY KEY,
  name text NOT NULL,
  user_id bigint,
  project_id bigint,
  properties text NOT NULL,
  created_at timestamp NOT NULL
);
CREATE INDEX kas_events_created_at_idx ON kas_events (created_at);
