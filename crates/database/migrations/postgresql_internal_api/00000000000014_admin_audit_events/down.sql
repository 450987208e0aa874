DROP TABLE admin_audit_events;
