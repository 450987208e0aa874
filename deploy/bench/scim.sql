-- What `make bench` measures scim-api on: :n people, each with an identity of the instance and one of the group :'group', and
-- with what their providers have said of them.
INSERT INTO users (id, username, name, email, encrypted_password, state, projects_limit, confirmed_at, created_at, updated_at)
 SELECT 1000000 + n, 'user'||n, 'User '||n, 'user'||n||'@example.com', 'x', 'active', 0, now(), now(), now() FROM generate_series(1, :n) n;
INSERT INTO scim_identities (id, user_id, extern_uid, active, created_at, updated_at)
 SELECT 1000000 + n, 1000000 + n, 'uid'||n, true, now(), now() FROM generate_series(1, :n) n;
INSERT INTO internal_api.scim_api_records (scope, identity_id, user_id, scim_id, user_name, formatted, version)
 SELECT 0, 1000000 + n, 1000000 + n, 'uid'||n, 'person'||n||'@example.com', 'User '||n, 1 FROM generate_series(1, :n) n;
INSERT INTO internal_api.scim_api_emails (scope, identity_id, position, user_id, value, type, is_primary)
 SELECT 0, 1000000 + n, 0, 1000000 + n, 'user'||n||'@example.com', 'work', true FROM generate_series(1, :n) n;
SELECT source_id AS group_id FROM routes WHERE path = :'group' AND source_type = 'Namespace' \gset
INSERT INTO scim_identities (id, group_id, user_id, extern_uid, active, created_at, updated_at)
 SELECT 2000000 + n, :group_id, 1000000 + n, 'uid'||n, true, now(), now() FROM generate_series(1, :n) n;
INSERT INTO group_scim_identities (group_id, user_id, extern_uid, active, temp_source_id, created_at, updated_at)
 SELECT :group_id, 1000000 + n, 'uid'||n, true, 2000000 + n, now(), now() FROM generate_series(1, :n) n;
INSERT INTO internal_api.scim_api_records (scope, identity_id, group_id, user_id, scim_id, user_name, formatted, version)
 SELECT 1, 2000000 + n, :group_id, 1000000 + n, 'uid'||n, 'person'||n||'@example.com', 'User '||n, 1 FROM generate_series(1, :n) n;
VACUUM ANALYZE;
