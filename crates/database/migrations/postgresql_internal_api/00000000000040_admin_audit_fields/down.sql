DROP INDEX index_admin_audit_events_on_target_id;

UPDATE admin_audit_events SET details = json_build_object(
  'event_name', event_name, 'reason', COALESCE(after ->> 'reason', before ->> 'reason'),
  'impersonated_by', impersonated_by)
WHERE event_name <> '';

ALTER TABLE admin_audit_events
  ALTER COLUMN details DROP DEFAULT,
  DROP COLUMN event_name,
  DROP COLUMN author_type,
  DROP COLUMN impersonated_by,
  DROP COLUMN gl_namespace_id,
  DROP COLUMN correlation_id,
  DROP COLUMN before,
  DROP COLUMN after;
