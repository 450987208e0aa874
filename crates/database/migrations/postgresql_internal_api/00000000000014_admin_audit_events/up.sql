-- Who changed what by admin-api: the columns of GitLab's audit_events, which are partitioned and GitLab's own to write.

CREATE TABLE admin_audit_events (
  id bigserial PRIMARY KEY,
  author_id bigint NOT NULL,
  entity_id bigint NOT NULL,
  entity_type text NOT NULL,
  details text NOT NULL,
  ip_address text,
  author_name text NOT NULL,
  entity_path text NOT NULL,
  target_details text NOT NULL,
  created_at timestamp NOT NULL,
  target_type text NOT NULL,
  target_id bigint NOT NULL
);
