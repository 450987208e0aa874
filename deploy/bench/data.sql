-- What `make bench` measures on, for `users` users (-v users=100000, a multiple of 10,000): two keys each, half as many
-- projects, ten authorizations each, and groups of depth three, `users` / 100 at the top, four times as many below them, ten times
-- as many below those. No rate limit. Nothing else of the tables that an access decision reads is empty, either.
--
-- Project p is in team 1 + p % teams; team t is in subgroup 1 + (t - 1) % subgroups; subgroup s is in group 1 + (s - 1) % groups.
-- The members of project p are the users u of (u - 1) * 7919 + k * 131 = p - 1 (mod projects), k from 0 to 9.
-- access.pgbench and allowed.lua draw from these.
\set ON_ERROR_STOP 1
\set projects :users / 2
\set groups :users / 100
\set subgroups :users / 25
\set teams :users / 10
\set deploy_keys :users / 20
\set first_team :groups + :subgroups
\set project_namespaces 100000000
-- Rows that this file has made refer to each other correctly: the foreign keys need no check, which takes half of the time.
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO organizations (id, created_at, updated_at, name, path) VALUES (1, now(), now(), 'Default', 'default');
INSERT INTO application_settings (id, created_at, updated_at, gitlab_shell_operation_limit) VALUES (1, now(), now(), 0);
INSERT INTO shards (id, name) VALUES (1, 'default');

-- One in a hundred more, who is a member of nothing and is banned from a group.
INSERT INTO users (id, username, name, email, encrypted_password, state, projects_limit, confirmed_at, created_at, updated_at, last_activity_on)
 SELECT n, 'user'||n, 'User '||n, 'user'||n||'@example.com', 'x', 'active', 0, now(), now(), now(), current_date
   FROM generate_series(1, :users + :groups) n;
INSERT INTO identities (extern_uid, provider, user_id, created_at, updated_at)
 SELECT 'uid'||n, 'saml', n, now(), now() FROM generate_series(2, :users, 2) n;

INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, updated_at)
 SELECT n, 'group'||n, 'group'||n, 'Group', 1, ARRAY[n]::bigint[], now(), now() FROM generate_series(1, :groups) n;
INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, created_at, updated_at)
 SELECT :groups + n, 'sub'||n, 'sub'||n, 'Group', p.id, 1, p.traversal_ids || (:groups + n)::bigint, now(), now()
   FROM generate_series(1, :subgroups) n JOIN namespaces p ON p.id = 1 + (n - 1) % (:groups);
INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, created_at, updated_at)
 SELECT :first_team + n, 'team'||n, 'team'||n, 'Group', p.id, 1, p.traversal_ids || (:first_team + n)::bigint, now(), now()
   FROM generate_series(1, :teams) n JOIN namespaces p ON p.id = :groups + 1 + (n - 1) % (:subgroups);
INSERT INTO namespace_settings (namespace_id, created_at, updated_at) SELECT id, now(), now() FROM namespaces;
INSERT INTO routes (source_id, source_type, path, name, namespace_id)
 SELECT n.id, 'Namespace', concat_ws('/', g.path, s.path, t.path), n.name, n.id
   FROM namespaces n JOIN namespaces g ON g.id = n.traversal_ids[1]
   LEFT JOIN namespaces s ON s.id = n.traversal_ids[2] LEFT JOIN namespaces t ON t.id = n.traversal_ids[3];
INSERT INTO ip_restrictions (group_id, range) SELECT n, '10.0.0.0/8' FROM generate_series(1, :groups, 100) n;
INSERT INTO namespace_bans (namespace_id, user_id, created_at, updated_at)
 SELECT n, :users + n, now(), now() FROM generate_series(1, :groups) n;

INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, created_at, updated_at)
 SELECT :project_namespaces + n, 'p'||n, 'p'||n, 'Project', t.id, 1, t.traversal_ids || (:project_namespaces + n)::bigint, now(), now()
   FROM generate_series(1, :projects) n JOIN namespaces t ON t.id = :first_team + 1 + n % (:teams);
INSERT INTO projects (id, name, path, namespace_id, project_namespace_id, visibility_level, storage_version, organization_id, created_at, updated_at)
 SELECT n, 'p'||n, 'p'||n, :first_team + 1 + n % (:teams), :project_namespaces + n, CASE n % 10 WHEN 0 THEN 20 ELSE 0 END, 2, 1, now(), now()
   FROM generate_series(1, :projects) n;
INSERT INTO project_features (project_id, pages_access_level, created_at, updated_at) SELECT id, 10, now(), now() FROM projects;
INSERT INTO project_repositories (shard_id, disk_path, project_id)
 SELECT 1, '@hashed/' || substr(h, 1, 2) || '/' || substr(h, 3, 2) || '/' || h, id
   FROM projects, LATERAL (SELECT encode(sha256(id::text::bytea), 'hex') AS h) AS hash;
INSERT INTO routes (source_id, source_type, path, name, namespace_id)
 SELECT p.id, 'Project', r.path || '/' || p.path, p.name, p.project_namespace_id
   FROM projects p JOIN routes r ON r.namespace_id = p.namespace_id;
INSERT INTO redirect_routes (source_id, source_type, path, namespace_id, created_at, updated_at)
 SELECT id, 'Project', 'old' || id % (:groups) || '/p' || id, project_namespace_id, now(), now() FROM projects;
INSERT INTO protected_branches (id, project_id, name, created_at, updated_at) SELECT id, id, 'main', now(), now() FROM projects;
INSERT INTO protected_branch_push_access_levels (protected_branch_id, access_level, created_at, updated_at)
 SELECT id, 40, now(), now() FROM protected_branches;
INSERT INTO protected_branch_merge_access_levels (protected_branch_id, access_level, created_at, updated_at)
 SELECT id, 30, now(), now() FROM protected_branches;

-- The key of id n is n in decimal digits, which are base64, too (allowed.lua).
-- The deploy key of project p is 2 * users + 1 + (p - 1) % deploy_keys.
INSERT INTO keys (id, user_id, type, title, key, fingerprint_sha256, created_at, updated_at, last_used_at)
 SELECT n, CASE WHEN n <= 2 * :users THEN 1 + (n - 1) % (:users) END, CASE WHEN n > 2 * :users THEN 'DeployKey' END, 'k',
        'ssh-ed25519 ' || material, sha256(decode(material, 'base64')), now(), now(), now()
   FROM generate_series(1, 2 * :users + :deploy_keys) n,
        LATERAL (SELECT 'AAAAC3NzaC1lZDI1NTE5AAAAIA' || lpad(n::text, 42, '0') AS material) AS key;
INSERT INTO deploy_keys_projects (deploy_key_id, project_id, can_push, created_at, updated_at)
 SELECT 2 * :users + 1 + (id - 1) % (:deploy_keys), id, id % 2 = 0, now(), now() FROM projects;
INSERT INTO project_authorizations (user_id, project_id, access_level, is_unique)
 SELECT 1 + i % (:users), 1 + (i * 7919 + i / (:users) * 131) % (:projects), 40, true FROM generate_series(0::bigint, 10 * :users - 1) i ON CONFLICT DO NOTHING;
VACUUM ANALYZE;
