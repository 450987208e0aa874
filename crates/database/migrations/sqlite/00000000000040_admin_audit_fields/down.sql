DROP INDEX index_admin_audit_events_on_target_id;

ALTER TABLE admin_audit_events ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
UPDATE admin_audit_events SET details = json_object(
  'event_name', event_name, 'reason', COALESCE(after ->> 'reason', before ->> 'reason'),
  'impersonated_by', impersonated_by);

ALTER TABLE admin_audit_events DROP COLUMN event_name;
ALTER TABLE admin_audit_events DROP COLUMN author_type;
ALTER TABLE admin_audit_events DROP COLUMN impersonated_by;
ALTER TABLE admin_audit_events DROP COLUMN gl_namespace_id;
ALTER TABLE admin_audit_events DROP COLUMN correlation_id;
ALTER TABLE admin_audit_events DROP COLUMN before;
ALTER TABLE admin_audit_events DROP COLUMN after;
