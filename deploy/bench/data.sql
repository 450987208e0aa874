-- What `make bench` measures on: 100,000 users, 200,000 keys, 50,000 private projects in 5,000 groups, and 1,000,000
-- authorizations. The members of project p are the users u of (u - 1) * 7919 + k * 131 = p - 1 (mod 50,000), k from 0 to 9:
-- allowed.lua draws from these. No rate limit.
INSERT INTO organizations (id, created_at, updated_at, name, path) VALUES (1, now(), now(), 'Default', 'default');
INSERT INTO application_settings (id, created_at, updated_at, gitlab_shell_operation_limit) VALUES (1, now(), now(), 0);
INSERT INTO users (id, username, name, email, encrypted_password, state, projects_limit, confirmed_at, created_at, updated_at, last_activity_on)
 SELECT n, 'user'||n, 'User '||n, 'user'||n||'@example.com', 'x', 'active', 0, now(), now(), now(), current_date FROM generate_series(1,100000) n;
INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, updated_at)
 SELECT n, 'group'||n, 'group'||n, 'Group', 1, ARRAY[n]::bigint[], now(), now() FROM generate_series(1,5000) n;
INSERT INTO namespace_settings (namespace_id, created_at, updated_at) SELECT id, now(), now() FROM namespaces;
INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, created_at, updated_at)
 SELECT 1000000+n, 'p'||n, 'p'||n, 'Project', 1+n%5000, 1, ARRAY[1+n%5000,1000000+n]::bigint[], now(), now() FROM generate_series(1,50000) n;
INSERT INTO projects (id, name, path, namespace_id, project_namespace_id, visibility_level, storage_version, organization_id, created_at, updated_at)
 SELECT n, 'p'||n, 'p'||n, 1+n%5000, 1000000+n, 0, 2, 1, now(), now() FROM generate_series(1,50000) n;
INSERT INTO project_features (project_id, pages_access_level, created_at, updated_at) SELECT id, 10, now(), now() FROM projects;
INSERT INTO routes (source_id, source_type, path, name, namespace_id) SELECT n, 'Project', 'group'||(1+n%5000)||'/p'||n, 'x', 1000000+n FROM generate_series(1,50000) n;
INSERT INTO keys (id, user_id, title, key, fingerprint_sha256, created_at, updated_at, last_used_at)
 SELECT n, 1+(n-1)%100000, 'k', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 x', sha256(n::text::bytea), now(), now(), now() FROM generate_series(1,200000) n;
INSERT INTO project_authorizations (user_id, project_id, access_level, is_unique)
 SELECT 1+(i % 100000), 1+((i*7919 + i/100000*131) % 50000), 30, true FROM generate_series(0::bigint, 999999) i ON CONFLICT DO NOTHING;
VACUUM ANALYZE;
