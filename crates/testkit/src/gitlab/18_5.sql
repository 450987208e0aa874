-- What GitLab changed from 18.0 to 18.5.
INSERT INTO schema_migrations VALUES ('20251010000000');
ALTER TABLE users ADD COLUMN organization_id bigint NOT NULL DEFAULT 1;
ALTER TABLE users ALTER COLUMN organization_id DROP DEFAULT;
CREATE TRIGGER fill_for_tests BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fill_for_tests('{"organization_id": 1}');
ALTER TABLE identities ADD CONSTRAINT check_user_id CHECK (user_id IS NOT NULL);
ALTER TABLE personal_access_tokens ADD COLUMN group_id bigint, ADD COLUMN user_type smallint;
UPDATE personal_access_tokens t SET user_type = u.user_type FROM users u WHERE u.id = t.user_id;
ALTER TABLE namespaces ADD COLUMN state smallint;
ALTER TABLE pool_repositories ADD COLUMN organization_id bigint;
ALTER TABLE internal_ids ADD CONSTRAINT check_one_parent CHECK (num_nonnulls(namespace_id, project_id) = 1) NOT VALID;
ALTER TABLE vulnerability_occurrences ADD COLUMN security_project_tracked_context_id bigint;
ALTER TABLE vulnerability_reads ADD COLUMN security_project_tracked_context_id bigint;
CREATE TABLE scim_group_memberships (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  scim_group_uid uuid NOT NULL
);
CREATE INDEX index_scim_group_memberships_on_scim_group_uid ON scim_group_memberships (scim_group_uid);
CREATE UNIQUE INDEX index_scim_group_memberships_on_user_and_uid ON scim_group_memberships (user_id, scim_group_uid);
