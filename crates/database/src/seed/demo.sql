-- The rows of the demo, in one text for both databases. `:now`, `:password` and `:disk_path_N` are put in by the program,
-- and SQLite gets its own form of arrays. Keys and memberships follow from it: see the program.

INSERT INTO organizations (id, created_at, updated_at, name, path, visibility_level)
VALUES (1, :now, :now, 'Default', 'default', 20);
INSERT INTO application_settings (id, created_at, updated_at, gitlab_shell_operation_limit, error_tracking_enabled)
VALUES (1, :now, :now, 600, true);
INSERT INTO shards (id, name) VALUES (1, 'default');
INSERT INTO plans (id, created_at, updated_at, name, title, plan_name_uid) VALUES
  (1, :now, :now, 'default',  'Default', 1),
  (2, :now, :now, 'free',     'Free', 2),
  (3, :now, :now, 'bronze',   'Bronze', 3),
  (4, :now, :now, 'silver',   'Silver', 4),
  (5, :now, :now, 'premium',  'Premium', 5),
  (6, :now, :now, 'gold',     'Gold', 6),
  (7, :now, :now, 'ultimate', 'Ultimate', 7);

-- people: root administers, rubi has the second factor on, blk is blocked
INSERT INTO users (id, username, name, email, encrypted_password, admin, state, otp_required_for_login, user_type, projects_limit, confirmed_at, created_at, updated_at) VALUES
  (1,  'root',       'Administrator',      'admin@example.com',     :password, true,  'active',  false, 0, 100000, :now, :now, :now),
  (7,  'rubi',       'Dede Eichmann',      'rubi@example.com',      :password, false, 'active',  true,  0, 100000, :now, :now, :now),
  (29, 'tokenuser',  'Token User',         'tokenuser@example.com', :password, false, 'active',  false, 0, 100000, :now, :now, :now),
  (30, 'username',   'Test User',          'name@example.com',      :password, false, 'active',  false, 0, 100000, :now, :now, :now),
  (31, 'username31', 'Test User',          'name31@example.com',    :password, false, 'active',  false, 0, 100000, :now, :now, :now),
  (40, 'mia',        'Mia the maintainer', 'mia@example.com',       :password, false, 'active',  false, 0, 100000, :now, :now, :now),
  (41, 'dev',        'Dev the developer',  'dev@example.com',       :password, false, 'active',  false, 0, 100000, :now, :now, :now),
  (42, 'blk',        'Blk the blocked',    'blk@example.com',       :password, false, 'blocked', false, 0, 100000, :now, :now, :now);
INSERT INTO user_details (user_id) SELECT id FROM users;
INSERT INTO organization_users (organization_id, user_id, created_at, updated_at, access_level)
SELECT 1, id, :now, :now, CASE WHEN admin THEN 50 ELSE 10 END FROM users;

-- namespaces: personal ones (with the id of their user here), groups, the twins of projects
INSERT INTO namespaces (id, name, path, owner_id, type, parent_id, visibility_level, organization_id, traversal_ids, created_at, updated_at) VALUES
  (1,    'Administrator',          'root',              1,    'User',    NULL, 20, 1, '{1}',       :now, :now),
  (7,    'Dede Eichmann',          'rubi',              7,    'User',    NULL, 20, 1, '{7}',       :now, :now),
  (29,   'Token User',             'tokenuser',         29,   'User',    NULL, 20, 1, '{29}',      :now, :now),
  (30,   'Test User',              'username',          30,   'User',    NULL, 20, 1, '{30}',      :now, :now),
  (31,   'Test User',              'username31',        31,   'User',    NULL, 20, 1, '{31}',      :now, :now),
  (40,   'Mia the maintainer',     'mia',               40,   'User',    NULL, 20, 1, '{40}',      :now, :now),
  (41,   'Dev the developer',      'dev',               41,   'User',    NULL, 20, 1, '{41}',      :now, :now),
  (42,   'Blk the blocked',        'blk',               42,   'User',    NULL, 20, 1, '{42}',      :now, :now),
  (100,  'gnuwget',                'gnuwget',           NULL, 'Group',   NULL, 20, 1, '{100}',     :now, :now),
  (101,  'wget2',                  'wget2',             NULL, 'Project', 100,  20, 1, '{100,101}', :now, :now),
  (200,  'GitLab.org',             'gitlab-org',        NULL, 'Group',   NULL, 20, 1, '{200}',     :now, :now),
  (201,  'agent-config',           'agent-config',      NULL, 'Project', 200,  0,  1, '{200,201}', :now, :now),
  (202,  'errors',                 'errors',            NULL, 'Project', 200,  0,  1, '{200,202}', :now, :now),
  (300,  'Test group',             'test_group',        NULL, 'Group',   NULL, 0,  1, '{300}',     :now, :now),
  (22,   'Namespace 22',           'namespace-22',      NULL, 'Group',   NULL, 0,  1, '{22}',      :now, :now),
  (123,  'A Namespace Name',       'namespace-123',     NULL, 'Group',   NULL, 0,  1, '{123}',     :now, :now),
  (127,  'Namespace 127',          'namespace-127',     NULL, 'Group',   NULL, 0,  1, '{127}',     :now, :now),
  (129,  'Namespace 129',          'namespace-129',     NULL, 'Group',   NULL, 0,  1, '{129}',     :now, :now),
  (321,  'Namespace 321',          'namespace-321',     NULL, 'Group',   NULL, 0,  1, '{321}',     :now, :now),
  (1234, 'A Namespace Name',       'a-namespace',       NULL, 'Group',   NULL, 0,  1, '{1234}',    :now, :now),
  (1235, 'Grown Namespace',        'grown-namespace',   NULL, 'Group',   NULL, 0,  1, '{1235}',    :now, :now),
  (4321, 'Another Namespace Name', 'another-namespace', NULL, 'Group',   NULL, 0,  1, '{4321}',    :now, :now);
INSERT INTO namespace_settings (namespace_id, created_at, updated_at)
SELECT id, :now, :now FROM namespaces WHERE type <> 'Project';

INSERT INTO projects (id, name, path, creator_id, namespace_id, project_namespace_id, visibility_level, lfs_enabled, repository_storage, storage_version, organization_id, created_at, updated_at, last_activity_at) VALUES
  (3,   'wget2',        'wget2',        1, 100, 101, 20, true, 'default', 2, 1, :now, :now, :now),
  (7,   'agent-config', 'agent-config', 1, 200, 201, 0,  NULL, 'default', 2, 1, :now, :now, :now),
  (111, 'errors',       'errors',       1, 200, 202, 0,  NULL, 'default', 2, 1, :now, :now, :now);
INSERT INTO project_features (project_id, created_at, updated_at, pages_access_level, builds_access_level, issues_access_level, merge_requests_access_level, wiki_access_level, forking_access_level)
SELECT id, :now, :now, CASE WHEN visibility_level = 20 THEN 20 ELSE 10 END, 20, 20, 20, 20, 20 FROM projects;
INSERT INTO project_settings (project_id, created_at, updated_at) SELECT id, :now, :now FROM projects;
INSERT INTO project_statistics (project_id, namespace_id, root_namespace_id, created_at, updated_at)
SELECT id, namespace_id, namespace_id, :now, :now FROM projects;
INSERT INTO project_repositories (shard_id, project_id, disk_path) VALUES
  (1, 3,   :disk_path_3),
  (1, 7,   :disk_path_7),
  (1, 111, :disk_path_111);

INSERT INTO routes (source_type, source_id, path, name, namespace_id, created_at, updated_at)
SELECT 'Namespace', id, path, name, id, :now, :now FROM namespaces WHERE type <> 'Project';
INSERT INTO routes (source_type, source_id, path, name, namespace_id, created_at, updated_at)
SELECT 'Project', p.id, n.path || '/' || p.path, n.name || ' / ' || p.name, p.project_namespace_id, :now, :now
FROM projects p JOIN namespaces n ON n.id = p.namespace_id;

-- gnuwget/wget2: maintainers push to main, developers merge into it
INSERT INTO protected_branches (id, project_id, name, created_at, updated_at) VALUES (1, 3, 'main', :now, :now);
INSERT INTO protected_branch_push_access_levels (protected_branch_id, access_level, created_at, updated_at)
VALUES (1, 40, :now, :now);
INSERT INTO protected_branch_merge_access_levels (protected_branch_id, access_level, created_at, updated_at)
VALUES (1, 30, :now, :now);

-- who pushes to gitlab-org/agent-config reads this
INSERT INTO broadcast_messages (message, message_html, starts_at, ends_at, target_path, broadcast_type, show_in_cli, created_at, updated_at)
VALUES ('Hello from post-receive', '<p>Hello from post-receive</p>', '2019-01-01 00:00:00', '2999-01-01 00:00:00', 'gitlab-org/agent-config', 1, true, :now, :now);

-- error tracking of gitlab-org/errors
INSERT INTO project_error_tracking_settings (project_id, enabled, integrated) VALUES (111, true, true);
INSERT INTO error_tracking_client_keys (project_id, public_key, created_at, updated_at)
VALUES (111, 'generated-error-tracking-key', :now, :now);

-- test_group: two people whom its identity provider knows
INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url)
VALUES (1, 300, true, 'ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab', 'https://idp.example.com/sso');
INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id, created_at, updated_at) VALUES
  (30, 'group_saml', '0b1d561c-21ff-4092-beab-8154b17f82f2',  1, :now, :now),
  (31, 'group_saml', 'f0b1d561c-21ff-4092-beab-8154b17f82f2', 1, :now, :now);
INSERT INTO scim_identities (group_id, user_id, extern_uid, active, created_at, updated_at) VALUES
  (300,  30, '0b1d561c-21ff-4092-beab-8154b17f82f2', true, :now, :now),
  (300,  31, 'f0b1d561c-21ff-4092-beab-8154b17f82f2', true, :now, :now),
  (NULL, 30, '0b1d561c-21ff-4092-beab-8154b17f82f2', true, :now, :now),
  (NULL, 31, 'f0b1d561c-21ff-4092-beab-8154b17f82f2', true, :now, :now);
INSERT INTO group_scim_identities (group_id, user_id, extern_uid, active, temp_source_id, created_at, updated_at)
SELECT group_id, user_id, extern_uid, active, id, created_at, updated_at FROM scim_identities WHERE group_id IS NOT NULL;

-- agent1 of gitlab-org/agent-config, and two policies of its project (a blank before the brace: these are no arrays)
INSERT INTO cluster_agents (id, project_id, name, created_by_user_id, created_at, updated_at)
VALUES (1, 7, 'agent1', 1, :now, :now);
INSERT INTO cluster_agent_tokens (id, agent_id, project_id, name, token_encrypted, created_by_user_id, created_at, updated_at)
VALUES (1, 1, 7, 'default', ':agent_token', 1, :now, :now);
INSERT INTO security_orchestration_policy_configurations (id, project_id, security_policy_management_project_id, configured_at, created_at, updated_at)
VALUES (1, 7, 7, '2022-06-02 05:36:26', '2022-06-02 05:36:26', '2022-06-02 05:36:26');
INSERT INTO security_policies (id, security_orchestration_policy_configuration_id, security_policy_management_project_id, policy_index, type, enabled, name, description, checksum, content, created_at, updated_at) VALUES
  (1, 1, 7, 0, 1, true, 'Policy', 'Policy description', 'demo-0',
   ' {"actions":[{"scan":"container_scanning"}],"rules":[{"type":"pipeline","branches":["main"]}]} ', '2022-06-02 05:36:26', '2022-06-02 05:36:26'),
  (2, 1, 7, 1, 1, true, 'Cluster scan', 'Scans the cluster every night', 'demo-1',
   ' {"actions":[{"scan":"container_scanning"}],"rules":[{"type":"schedule","cadence":"30 2 * * *","agents":{"agent1":{"namespaces":["namespace-a","namespace-b"]}}}]} ', '2022-06-02 05:36:26', '2022-06-02 05:36:26');
