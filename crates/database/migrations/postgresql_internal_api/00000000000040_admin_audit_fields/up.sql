-- The fields of an audit event as columns with the names of GitLab's audit log, instead of one document.
--
-- `details` stays for replicas of the previous release, which still write and read it. A row that such a
-- replica writes after this migration has no event name.

ALTER TABLE admin_audit_events
  ADD COLUMN event_name text NOT NULL DEFAULT '',
  ADD COLUMN author_type text NOT NULL DEFAULT 'user',
  ADD COLUMN impersonated_by text,
  ADD COLUMN gl_namespace_id bigint,
  ADD COLUMN correlation_id text,
  ADD COLUMN before jsonb,
  ADD COLUMN after jsonb,
  ALTER COLUMN details SET DEFAULT '{}';

UPDATE admin_audit_events SET
  event_name = COALESCE(details::jsonb ->> 'event_name', ''),
  impersonated_by = details::jsonb ->> 'impersonated_by',
  gl_namespace_id = CASE WHEN entity_type = 'Group' THEN entity_id END,
  before = CASE WHEN details::jsonb ->> 'event_name' LIKE '%\_removed'
    THEN jsonb_build_object('reason', details::jsonb -> 'reason') END,
  after = CASE WHEN details::jsonb ->> 'event_name' LIKE '%\_created'
    THEN jsonb_build_object('reason', details::jsonb -> 'reason') END;

CREATE INDEX index_admin_audit_events_on_target_id ON admin_audit_events (target_id);
