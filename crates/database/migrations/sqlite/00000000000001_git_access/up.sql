-- The tables behind git access, column by column as in a GitLab 18.0 database.
-- Types as SQLite knows them: arrays and jsonb are JSON text, times are UTC text, booleans 0 or 1.

CREATE TABLE organizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  name TEXT NOT NULL DEFAULT '' CHECK (length(name) <= 255),
  path TEXT NOT NULL CHECK (length(path) <= 255),
  visibility_level INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX organizations_lower_path_key ON organizations (lower(path));

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  email TEXT NOT NULL DEFAULT '',
  encrypted_password TEXT NOT NULL DEFAULT '',
  created_at TEXT,
  updated_at TEXT,
  name TEXT,
  admin INTEGER NOT NULL DEFAULT 0,
  projects_limit INTEGER NOT NULL,
  failed_attempts INTEGER DEFAULT 0,
  locked_at TEXT,
  username TEXT,
  can_create_group INTEGER NOT NULL DEFAULT 1,
  can_create_team INTEGER NOT NULL DEFAULT 1,
  state TEXT,
  color_scheme_id INTEGER NOT NULL DEFAULT 1,
  password_expires_at TEXT,
  confirmed_at TEXT,
  hide_no_ssh_key INTEGER NOT NULL DEFAULT 0,
  notification_email TEXT,
  hide_no_password INTEGER NOT NULL DEFAULT 0,
  password_automatically_set INTEGER DEFAULT 0,
  otp_required_for_login INTEGER NOT NULL DEFAULT 0,
  otp_backup_codes TEXT,
  project_view INTEGER NOT NULL DEFAULT 2,
  otp_grace_period_started_at TEXT,
  external INTEGER DEFAULT 0,
  auditor INTEGER NOT NULL DEFAULT 0,
  require_two_factor_authentication_from_group INTEGER NOT NULL DEFAULT 0,
  two_factor_grace_period INTEGER NOT NULL DEFAULT 48,
  last_activity_on TEXT,
  notified_of_own_activity INTEGER NOT NULL DEFAULT 0,
  accepted_term_id INTEGER,
  private_profile INTEGER NOT NULL DEFAULT 0,
  managing_group_id INTEGER,
  user_type INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE INDEX users_username_idx ON users (username);
CREATE INDEX users_lower_username_idx ON users (lower(username));
CREATE INDEX users_lower_email_idx ON users (lower(email));
CREATE INDEX users_state_user_type_idx ON users (state, user_type);

CREATE TABLE organization_users (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE RESTRICT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  access_level INTEGER NOT NULL DEFAULT 10
);
CREATE UNIQUE INDEX organization_users_organization_id_user_id_key ON organization_users (organization_id, user_id);
CREATE INDEX organization_users_user_id_idx ON organization_users (user_id);

CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  owner_id INTEGER,
  created_at TEXT,
  updated_at TEXT,
  type TEXT NOT NULL DEFAULT 'User',
  description TEXT NOT NULL DEFAULT '',
  share_with_group_lock INTEGER DEFAULT 0,
  visibility_level INTEGER NOT NULL DEFAULT 20,
  request_access_enabled INTEGER NOT NULL DEFAULT 1,
  lfs_enabled INTEGER,
  parent_id INTEGER REFERENCES namespaces (id) ON DELETE RESTRICT,
  shared_runners_minutes_limit INTEGER,
  repository_size_limit INTEGER,
  require_two_factor_authentication INTEGER NOT NULL DEFAULT 0,
  two_factor_grace_period INTEGER NOT NULL DEFAULT 48,
  project_creation_level INTEGER,
  extra_shared_runners_minutes_limit INTEGER,
  default_branch_protection INTEGER,
  push_rule_id INTEGER REFERENCES push_rules (id) ON DELETE SET NULL,
  traversal_ids TEXT NOT NULL DEFAULT '[]',
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX namespaces_name_parent_id_type_key ON namespaces (name, parent_id, type);
CREATE UNIQUE INDEX namespaces_parent_id_id_key ON namespaces (parent_id, id);
CREATE UNIQUE INDEX namespaces_push_rule_id_key ON namespaces (push_rule_id);
CREATE INDEX namespaces_owner_id_idx ON namespaces (owner_id);
CREATE INDEX namespaces_path_idx ON namespaces (path);
CREATE INDEX namespaces_lower_path_idx ON namespaces (lower(path));
CREATE INDEX namespaces_lower_name_idx ON namespaces (lower(name));
CREATE INDEX namespaces_type_id_idx ON namespaces (type, id);

CREATE TABLE user_details (
  user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  webauthn_xid TEXT CHECK (length(webauthn_xid) <= 100),
  provisioned_by_group_id INTEGER,
  password_last_changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  enterprise_group_id INTEGER,
  project_authorizations_recalculated_at TEXT NOT NULL DEFAULT '2010-01-01 00:00:00',
  onboarding_status TEXT NOT NULL DEFAULT '{}',
  bot_namespace_id INTEGER REFERENCES namespaces (id) ON DELETE SET NULL
);
CREATE INDEX user_details_enterprise_group_id_user_id_idx ON user_details (enterprise_group_id, user_id);

CREATE TABLE emails (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  created_at TEXT,
  updated_at TEXT,
  confirmed_at TEXT,
  detumbled_email TEXT CHECK (length(detumbled_email) <= 255)
);
CREATE UNIQUE INDEX emails_email_key ON emails (email);
CREATE INDEX emails_user_id_idx ON emails (user_id);

CREATE TABLE member_roles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  base_access_level INTEGER,
  name TEXT NOT NULL DEFAULT 'Custom' CHECK (length(name) <= 255),
  description TEXT CHECK (length(description) <= 255),
  permissions TEXT NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX member_roles_name_key ON member_roles (name) WHERE namespace_id IS NULL;
CREATE UNIQUE INDEX member_roles_namespace_id_name_key ON member_roles (namespace_id, name) WHERE namespace_id IS NOT NULL;

CREATE TABLE saml_providers (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  enabled INTEGER NOT NULL,
  certificate_fingerprint TEXT NOT NULL,
  sso_url TEXT NOT NULL,
  enforced_sso INTEGER NOT NULL DEFAULT 0,
  default_membership_role INTEGER NOT NULL DEFAULT 10,
  git_check_enforced INTEGER NOT NULL DEFAULT 0,
  member_role_id INTEGER REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE INDEX saml_providers_group_id_idx ON saml_providers (group_id);

CREATE TABLE identities (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  extern_uid TEXT,
  provider TEXT,
  user_id INTEGER,
  created_at TEXT,
  updated_at TEXT,
  saml_provider_id INTEGER REFERENCES saml_providers (id) ON DELETE CASCADE,
  trusted_extern_uid INTEGER DEFAULT 1
);
CREATE INDEX identities_lower_extern_uid_provider_idx ON identities (lower(extern_uid), provider);
CREATE INDEX identities_user_id_idx ON identities (user_id);
CREATE INDEX identities_saml_provider_id_idx ON identities (saml_provider_id) WHERE saml_provider_id IS NOT NULL;

CREATE TABLE webauthn_registrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  credential_xid TEXT NOT NULL CHECK (length(credential_xid) <= 1364),
  name TEXT NOT NULL CHECK (length(name) <= 255),
  public_key TEXT NOT NULL
);
CREATE INDEX webauthn_registrations_user_id_idx ON webauthn_registrations (user_id);

CREATE TABLE personal_access_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  revoked INTEGER DEFAULT 0,
  expires_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  scopes TEXT NOT NULL DEFAULT ('--- []' || char(10)),
  impersonation INTEGER NOT NULL DEFAULT 0,
  token_digest TEXT,
  last_used_at TEXT,
  previous_personal_access_token_id INTEGER REFERENCES personal_access_tokens (id) ON DELETE SET NULL,
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  description TEXT CHECK (length(description) <= 255)
);
CREATE UNIQUE INDEX personal_access_tokens_token_digest_key ON personal_access_tokens (token_digest);
CREATE INDEX personal_access_tokens_user_id_idx ON personal_access_tokens (user_id);
CREATE INDEX personal_access_tokens_organization_id_idx ON personal_access_tokens (organization_id);

CREATE TABLE namespace_settings (
  namespace_id INTEGER NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  allow_mfa_for_subgroups INTEGER NOT NULL DEFAULT 1,
  default_branch_name TEXT CHECK (length(default_branch_name) <= 255),
  repository_read_only INTEGER NOT NULL DEFAULT 0,
  resource_access_token_creation_allowed INTEGER NOT NULL DEFAULT 1,
  new_user_signups_cap INTEGER,
  enabled_git_access_protocol INTEGER NOT NULL DEFAULT 0,
  default_branch_protection_defaults TEXT NOT NULL DEFAULT '{}',
  enforce_ssh_certificates INTEGER NOT NULL DEFAULT 0,
  disable_personal_access_tokens INTEGER NOT NULL DEFAULT 0,
  seat_control INTEGER NOT NULL DEFAULT 0,
  archived INTEGER NOT NULL DEFAULT 0,
  require_dpop_for_manage_api_endpoints INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE namespace_details (
  namespace_id INTEGER NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT,
  updated_at TEXT,
  description TEXT,
  creator_id INTEGER,
  deleted_at TEXT
);
CREATE INDEX namespace_details_creator_id_idx ON namespace_details (creator_id);

CREATE TABLE routes (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  source_id INTEGER NOT NULL,
  source_type TEXT NOT NULL,
  path TEXT NOT NULL,
  created_at TEXT,
  updated_at TEXT,
  name TEXT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX routes_path_key ON routes (path);
CREATE UNIQUE INDEX routes_namespace_id_key ON routes (namespace_id);
CREATE UNIQUE INDEX routes_source_type_source_id_key ON routes (source_type, source_id);
CREATE INDEX routes_lower_path_idx ON routes (lower(path));

CREATE TABLE redirect_routes (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  source_id INTEGER NOT NULL,
  source_type TEXT NOT NULL,
  path TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX redirect_routes_path_key ON redirect_routes (path);
CREATE UNIQUE INDEX redirect_routes_lower_path_key ON redirect_routes (lower(path));
CREATE INDEX redirect_routes_source_type_source_id_idx ON redirect_routes (source_type, source_id);

CREATE TABLE projects (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT,
  path TEXT,
  created_at TEXT,
  updated_at TEXT,
  creator_id INTEGER,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE RESTRICT,
  last_activity_at TEXT,
  visibility_level INTEGER NOT NULL DEFAULT 0,
  archived INTEGER NOT NULL DEFAULT 0,
  mirror INTEGER NOT NULL DEFAULT 0,
  pending_delete INTEGER DEFAULT 0,
  public_builds INTEGER NOT NULL DEFAULT 1,
  repository_storage TEXT NOT NULL DEFAULT 'default',
  repository_read_only INTEGER,
  request_access_enabled INTEGER NOT NULL DEFAULT 1,
  lfs_enabled INTEGER,
  repository_size_limit INTEGER,
  printing_merge_request_link_enabled INTEGER NOT NULL DEFAULT 1,
  storage_version INTEGER,
  only_mirror_protected_branches INTEGER,
  external_authorization_classification_label TEXT,
  pool_repository_id INTEGER,
  marked_for_deletion_at TEXT,
  project_namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  hidden INTEGER NOT NULL DEFAULT 0,
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX projects_project_namespace_id_key ON projects (project_namespace_id);
CREATE UNIQUE INDEX projects_name_namespace_id_key ON projects (name, namespace_id);
CREATE INDEX projects_namespace_id_id_idx ON projects (namespace_id, id);
CREATE INDEX projects_creator_id_id_idx ON projects (creator_id, id);
CREATE INDEX projects_lower_name_idx ON projects (lower(name));
CREATE INDEX projects_repository_storage_idx ON projects (repository_storage);

CREATE TABLE project_aliases (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX project_aliases_name_key ON project_aliases (name);

CREATE TABLE project_features (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  merge_requests_access_level INTEGER,
  issues_access_level INTEGER,
  wiki_access_level INTEGER,
  snippets_access_level INTEGER NOT NULL DEFAULT 20,
  builds_access_level INTEGER,
  created_at TEXT,
  updated_at TEXT,
  repository_access_level INTEGER NOT NULL DEFAULT 20,
  pages_access_level INTEGER NOT NULL,
  forking_access_level INTEGER,
  security_and_compliance_access_level INTEGER NOT NULL DEFAULT 10,
  infrastructure_access_level INTEGER NOT NULL DEFAULT 20
);
CREATE UNIQUE INDEX project_features_project_id_key ON project_features (project_id);

CREATE TABLE push_rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  commit_message_regex TEXT,
  deny_delete_tag INTEGER,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT,
  updated_at TEXT,
  author_email_regex TEXT,
  member_check INTEGER NOT NULL DEFAULT 0,
  file_name_regex TEXT,
  is_sample INTEGER DEFAULT 0,
  max_file_size INTEGER NOT NULL DEFAULT 0,
  prevent_secrets INTEGER NOT NULL DEFAULT 0,
  branch_name_regex TEXT,
  reject_unsigned_commits INTEGER,
  commit_committer_check INTEGER,
  regexp_uses_re2 INTEGER DEFAULT 1,
  commit_message_negative_regex TEXT,
  reject_non_dco_commits INTEGER,
  commit_committer_name_check INTEGER NOT NULL DEFAULT 0,
  organization_id INTEGER
);
CREATE INDEX push_rules_project_id_idx ON push_rules (project_id);
CREATE INDEX push_rules_is_sample_idx ON push_rules (is_sample) WHERE is_sample;

CREATE TABLE project_settings (
  project_id INTEGER NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  push_rule_id INTEGER REFERENCES push_rules (id) ON DELETE SET NULL,
  has_vulnerabilities INTEGER NOT NULL DEFAULT 0,
  mr_default_target_self INTEGER NOT NULL DEFAULT 0,
  max_number_of_vulnerabilities INTEGER
);
CREATE UNIQUE INDEX project_settings_push_rule_id_key ON project_settings (push_rule_id);

CREATE TABLE shards (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL
);
CREATE UNIQUE INDEX shards_name_key ON shards (name);

CREATE TABLE project_repositories (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  shard_id INTEGER NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  object_format INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX project_repositories_disk_path_key ON project_repositories (disk_path);
CREATE UNIQUE INDEX project_repositories_project_id_key ON project_repositories (project_id);
CREATE INDEX project_repositories_shard_id_project_id_idx ON project_repositories (shard_id, project_id);

CREATE TABLE pool_repositories (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  shard_id INTEGER NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path TEXT,
  state TEXT,
  source_project_id INTEGER REFERENCES projects (id) ON DELETE SET NULL,
  organization_id INTEGER
);
CREATE UNIQUE INDEX pool_repositories_disk_path_key ON pool_repositories (disk_path);
CREATE UNIQUE INDEX pool_repositories_source_project_id_key ON pool_repositories (source_project_id);

CREATE TABLE group_wiki_repositories (
  group_id INTEGER NOT NULL PRIMARY KEY,
  shard_id INTEGER NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path TEXT NOT NULL CHECK (length(disk_path) <= 80)
);
CREATE UNIQUE INDEX group_wiki_repositories_disk_path_key ON group_wiki_repositories (disk_path);

CREATE TABLE snippets (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  title TEXT,
  author_id INTEGER NOT NULL,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT,
  updated_at TEXT,
  type TEXT,
  visibility_level INTEGER NOT NULL DEFAULT 0,
  secret INTEGER NOT NULL DEFAULT 0,
  repository_read_only INTEGER NOT NULL DEFAULT 0,
  organization_id INTEGER,
  CHECK ((organization_id IS NULL) <> (project_id IS NULL))
);

CREATE TABLE snippet_repositories (
  snippet_id INTEGER NOT NULL PRIMARY KEY REFERENCES snippets (id) ON DELETE CASCADE,
  shard_id INTEGER NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path TEXT NOT NULL CHECK (length(disk_path) <= 80),
  snippet_project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  snippet_organization_id INTEGER REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX snippet_repositories_disk_path_key ON snippet_repositories (disk_path);
CREATE INDEX snippet_repositories_shard_id_idx ON snippet_repositories (shard_id);

CREATE TABLE project_statistics (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  namespace_id INTEGER NOT NULL,
  storage_size INTEGER NOT NULL DEFAULT 0,
  repository_size INTEGER NOT NULL DEFAULT 0,
  lfs_objects_size INTEGER NOT NULL DEFAULT 0,
  shared_runners_seconds INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  root_namespace_id INTEGER REFERENCES namespaces (id) ON DELETE SET NULL,
  commit_count INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX project_statistics_project_id_key ON project_statistics (project_id);
CREATE INDEX project_statistics_namespace_id_idx ON project_statistics (namespace_id);
CREATE INDEX project_statistics_root_namespace_id_idx ON project_statistics (root_namespace_id);

CREATE TABLE project_authorizations (
  user_id INTEGER NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  access_level INTEGER NOT NULL,
  is_unique INTEGER,
  PRIMARY KEY (user_id, project_id, access_level)
);
CREATE UNIQUE INDEX project_authorizations_project_id_user_id_access_level_key ON project_authorizations (project_id, user_id, access_level);
CREATE UNIQUE INDEX project_authorizations_project_id_user_id_key ON project_authorizations (project_id, user_id) WHERE is_unique;

CREATE TABLE members (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  access_level INTEGER NOT NULL,
  source_id INTEGER NOT NULL,
  source_type TEXT NOT NULL,
  user_id INTEGER,
  notification_level INTEGER NOT NULL,
  type TEXT,
  created_at TEXT,
  updated_at TEXT,
  created_by_id INTEGER,
  invite_email TEXT,
  invite_token TEXT,
  invite_accepted_at TEXT,
  requested_at TEXT,
  expires_at TEXT,
  state INTEGER DEFAULT 0,
  member_namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  member_role_id INTEGER REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX members_invite_token_key ON members (invite_token);
CREATE INDEX members_source_id_source_type_type_access_level_idx ON members (source_id, source_type, type, access_level);
CREATE INDEX members_user_id_access_level_idx ON members (user_id, access_level) WHERE requested_at IS NULL;
CREATE INDEX members_expires_at_idx ON members (expires_at);
CREATE INDEX members_member_namespace_id_type_requested_at_id_idx ON members (member_namespace_id, type, requested_at, id);

CREATE TABLE group_group_links (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  shared_group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  shared_with_group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  expires_at TEXT,
  group_access INTEGER NOT NULL DEFAULT 30,
  member_role_id INTEGER REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX group_group_links_shared_group_id_shared_with_group_id_key ON group_group_links (shared_group_id, shared_with_group_id);
CREATE INDEX group_group_links_shared_with_group_id_shared_group_id_idx ON group_group_links (shared_with_group_id, shared_group_id);

CREATE TABLE project_group_links (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT,
  updated_at TEXT,
  group_access INTEGER NOT NULL DEFAULT 30,
  expires_at TEXT,
  member_role_id INTEGER REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE INDEX project_group_links_group_id_project_id_idx ON project_group_links (group_id, project_id);
CREATE INDEX project_group_links_project_id_idx ON project_group_links (project_id);

CREATE TABLE namespace_bans (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX namespace_bans_namespace_id_user_id_key ON namespace_bans (namespace_id, user_id);

CREATE TABLE ip_restrictions (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  range TEXT NOT NULL
);
CREATE INDEX ip_restrictions_group_id_idx ON ip_restrictions (group_id);

CREATE TABLE keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_id INTEGER,
  created_at TEXT,
  updated_at TEXT,
  key TEXT,
  title TEXT,
  type TEXT,
  fingerprint TEXT,
  public INTEGER NOT NULL DEFAULT 0,
  last_used_at TEXT,
  fingerprint_sha256 BLOB,
  expires_at TEXT,
  usage_type INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX keys_fingerprint_sha256_key ON keys (fingerprint_sha256);
CREATE UNIQUE INDEX keys_id_type_key ON keys (id, type) WHERE public = 1;
CREATE INDEX keys_fingerprint_idx ON keys (fingerprint);
CREATE INDEX keys_user_id_idx ON keys (user_id);
CREATE INDEX keys_last_used_at_idx ON keys (last_used_at DESC);

CREATE TABLE deploy_keys_projects (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  deploy_key_id INTEGER NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT,
  updated_at TEXT,
  can_push INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX deploy_keys_projects_deploy_key_id_idx ON deploy_keys_projects (deploy_key_id);
CREATE INDEX deploy_keys_projects_project_id_idx ON deploy_keys_projects (project_id);

CREATE TABLE group_ssh_certificates (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  title TEXT NOT NULL CHECK (length(title) <= 256),
  key TEXT NOT NULL CHECK (length(key) <= 524288)
);
CREATE UNIQUE INDEX group_ssh_certificates_fingerprint_key ON group_ssh_certificates (fingerprint);
CREATE INDEX group_ssh_certificates_namespace_id_idx ON group_ssh_certificates (namespace_id);

CREATE TABLE deploy_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  revoked INTEGER DEFAULT 0,
  read_repository INTEGER NOT NULL DEFAULT 0,
  read_registry INTEGER NOT NULL DEFAULT 0,
  expires_at TEXT NOT NULL,
  created_at TEXT NOT NULL,
  name TEXT NOT NULL,
  username TEXT,
  token_encrypted TEXT CHECK (length(token_encrypted) <= 255),
  deploy_token_type INTEGER NOT NULL DEFAULT 2,
  write_registry INTEGER NOT NULL DEFAULT 0,
  read_package_registry INTEGER NOT NULL DEFAULT 0,
  write_package_registry INTEGER NOT NULL DEFAULT 0,
  creator_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  group_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX deploy_tokens_token_encrypted_key ON deploy_tokens (token_encrypted);

CREATE TABLE project_deploy_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  deploy_token_id INTEGER NOT NULL REFERENCES deploy_tokens (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX project_deploy_tokens_project_id_deploy_token_id_key ON project_deploy_tokens (project_id, deploy_token_id);

CREATE TABLE group_deploy_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  deploy_token_id INTEGER NOT NULL REFERENCES deploy_tokens (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX group_deploy_tokens_group_id_deploy_token_id_key ON group_deploy_tokens (group_id, deploy_token_id);

CREATE TABLE protected_branches (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  created_at TEXT,
  updated_at TEXT,
  code_owner_approval_required INTEGER NOT NULL DEFAULT 0,
  allow_force_push INTEGER NOT NULL DEFAULT 0,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  CHECK ((project_id IS NULL) <> (namespace_id IS NULL))
);
CREATE INDEX protected_branches_project_id_idx ON protected_branches (project_id);
CREATE INDEX protected_branches_namespace_id_idx ON protected_branches (namespace_id) WHERE namespace_id IS NOT NULL;

CREATE TABLE protected_branch_push_access_levels (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  protected_branch_id INTEGER NOT NULL REFERENCES protected_branches (id) ON DELETE CASCADE,
  access_level INTEGER DEFAULT 40,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
  group_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  deploy_key_id INTEGER REFERENCES keys (id) ON DELETE CASCADE
);
CREATE INDEX pb_push_pb_id_user_id_group_id_idx ON protected_branch_push_access_levels (protected_branch_id, user_id, group_id);

CREATE TABLE protected_branch_merge_access_levels (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  protected_branch_id INTEGER NOT NULL REFERENCES protected_branches (id) ON DELETE CASCADE,
  access_level INTEGER DEFAULT 40,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
  group_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  protected_branch_project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  protected_branch_namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE INDEX pb_merge_pb_id_user_id_group_id_idx ON protected_branch_merge_access_levels (protected_branch_id, user_id, group_id);

CREATE TABLE protected_tags (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX protected_tags_project_id_name_key ON protected_tags (project_id, name);

CREATE TABLE protected_tag_create_access_levels (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  protected_tag_id INTEGER NOT NULL REFERENCES protected_tags (id) ON DELETE CASCADE,
  access_level INTEGER DEFAULT 40,
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
  group_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  deploy_key_id INTEGER REFERENCES keys (id) ON DELETE CASCADE,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE
);
CREATE INDEX protected_tag_create_access_levels_protected_tag_id_idx ON protected_tag_create_access_levels (protected_tag_id);

CREATE TABLE lfs_objects (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  oid TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at TEXT,
  updated_at TEXT,
  file TEXT,
  file_store INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX lfs_objects_oid_key ON lfs_objects (oid);

CREATE TABLE lfs_objects_projects (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  lfs_object_id INTEGER NOT NULL REFERENCES lfs_objects (id) ON DELETE RESTRICT,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT,
  updated_at TEXT,
  repository_type INTEGER
);
CREATE UNIQUE INDEX lfs_objects_projects_project_id_lfs_object_id_key ON lfs_objects_projects (project_id, lfs_object_id) WHERE repository_type IS NULL;
CREATE UNIQUE INDEX lfs_links_project_id_lfs_object_id_repository_type_key ON lfs_objects_projects (project_id, lfs_object_id, repository_type) WHERE repository_type IS NOT NULL;
CREATE INDEX lfs_objects_projects_lfs_object_id_idx ON lfs_objects_projects (lfs_object_id);

CREATE TABLE lfs_file_locks (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  path TEXT CHECK (length(path) <= 511)
);
CREATE UNIQUE INDEX lfs_file_locks_project_id_path_key ON lfs_file_locks (project_id, path);
CREATE INDEX lfs_file_locks_user_id_idx ON lfs_file_locks (user_id);

CREATE TABLE path_locks (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  path TEXT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX path_locks_path_idx ON path_locks (path);
CREATE INDEX path_locks_project_id_idx ON path_locks (project_id);

CREATE TABLE merge_requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  target_branch TEXT NOT NULL,
  source_branch TEXT NOT NULL,
  source_project_id INTEGER REFERENCES projects (id) ON DELETE SET NULL,
  author_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  title TEXT,
  created_at TEXT,
  updated_at TEXT,
  merge_status TEXT NOT NULL DEFAULT 'unchecked',
  target_project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  iid INTEGER,
  in_progress_merge_commit_sha TEXT,
  allow_maintainer_to_push INTEGER DEFAULT 1,
  state_id INTEGER NOT NULL DEFAULT 1,
  draft INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX merge_requests_target_project_id_iid_key ON merge_requests (target_project_id, iid);
CREATE INDEX merge_requests_source_project_id_source_branch_idx ON merge_requests (source_project_id, source_branch);
CREATE INDEX merge_requests_target_project_id_source_branch_idx ON merge_requests (target_project_id, source_branch);

CREATE TABLE broadcast_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  message TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  message_html TEXT NOT NULL,
  target_path TEXT CHECK (length(target_path) <= 255),
  broadcast_type INTEGER NOT NULL DEFAULT 1,
  dismissable INTEGER,
  target_access_levels TEXT NOT NULL DEFAULT '[]',
  show_in_cli INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX broadcast_messages_ends_at_broadcast_type_id_idx ON broadcast_messages (ends_at, broadcast_type, id);

CREATE TABLE application_setting_terms (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  terms TEXT NOT NULL
);

CREATE TABLE term_agreements (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  term_id INTEGER NOT NULL REFERENCES application_setting_terms (id),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  accepted INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX term_agreements_user_id_term_id_key ON term_agreements (user_id, term_id);

CREATE TABLE application_settings (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT,
  updated_at TEXT,
  enabled_git_access_protocol TEXT,
  receive_max_input_size INTEGER,
  gitlab_shell_operation_limit INTEGER DEFAULT 600,
  maintenance_mode INTEGER NOT NULL DEFAULT 0,
  maintenance_mode_message TEXT,
  repository_size_limit INTEGER DEFAULT 0,
  repository_storages_weighted TEXT NOT NULL DEFAULT '{}',
  rsa_key_restriction INTEGER NOT NULL DEFAULT 0,
  dsa_key_restriction INTEGER NOT NULL DEFAULT -1,
  ecdsa_key_restriction INTEGER NOT NULL DEFAULT 0,
  ed25519_key_restriction INTEGER NOT NULL DEFAULT 0,
  ecdsa_sk_key_restriction INTEGER NOT NULL DEFAULT 0,
  ed25519_sk_key_restriction INTEGER NOT NULL DEFAULT 0,
  require_two_factor_authentication INTEGER DEFAULT 0,
  require_admin_two_factor_authentication INTEGER NOT NULL DEFAULT 0,
  two_factor_grace_period INTEGER DEFAULT 48,
  git_two_factor_session_expiry INTEGER NOT NULL DEFAULT 15,
  max_personal_access_token_lifetime INTEGER,
  require_personal_access_token_expiry INTEGER NOT NULL DEFAULT 1,
  disable_personal_access_tokens INTEGER NOT NULL DEFAULT 0,
  personal_access_token_prefix TEXT DEFAULT 'glpat-' CHECK (length(personal_access_token_prefix) <= 20),
  token_prefixes TEXT NOT NULL DEFAULT '{}',
  max_ssh_key_lifetime INTEGER,
  authorized_keys_enabled INTEGER NOT NULL DEFAULT 1,
  password_authentication_enabled_for_git INTEGER NOT NULL DEFAULT 1,
  enforce_terms INTEGER DEFAULT 0,
  default_branch_name TEXT CHECK (length(default_branch_name) <= 255),
  default_branch_protection INTEGER DEFAULT 2,
  default_branch_protection_defaults TEXT NOT NULL DEFAULT '{}',
  default_projects_limit INTEGER,
  user_default_external INTEGER NOT NULL DEFAULT 0,
  user_default_internal_regex TEXT,
  can_create_group INTEGER NOT NULL DEFAULT 1,
  default_project_visibility INTEGER NOT NULL DEFAULT 0,
  custom_http_clone_url_root TEXT CHECK (length(custom_http_clone_url_root) <= 511),
  external_authorization_service_enabled INTEGER NOT NULL DEFAULT 0,
  allow_deploy_tokens_and_keys_with_external_authn INTEGER NOT NULL DEFAULT 0,
  error_tracking_enabled INTEGER NOT NULL DEFAULT 0,
  error_tracking_api_url TEXT CHECK (length(error_tracking_api_url) <= 255),
  cluster_agents TEXT NOT NULL DEFAULT '{}',
  rate_limits TEXT NOT NULL DEFAULT '{}',
  check_namespace_plan INTEGER NOT NULL DEFAULT 0,
  enforce_namespace_storage_limit INTEGER NOT NULL DEFAULT 0,
  automatic_purchased_storage_allocation INTEGER NOT NULL DEFAULT 0,
  shared_runners_minutes INTEGER NOT NULL DEFAULT 0,
  max_number_of_repository_downloads INTEGER NOT NULL DEFAULT 0,
  max_number_of_repository_downloads_within_time_period INTEGER NOT NULL DEFAULT 0,
  git_rate_limit_users_allowlist TEXT NOT NULL DEFAULT '[]',
  unique_ips_limit_enabled INTEGER NOT NULL DEFAULT 0,
  unique_ips_limit_per_user INTEGER,
  unique_ips_limit_time_window INTEGER,
  globally_allowed_ips TEXT NOT NULL DEFAULT '',
  admin_mode INTEGER NOT NULL DEFAULT 0,
  restricted_visibility_levels TEXT,
  gitaly_timeout_default INTEGER NOT NULL DEFAULT 55,
  gitaly_timeout_medium INTEGER NOT NULL DEFAULT 30,
  gitaly_timeout_fast INTEGER NOT NULL DEFAULT 10,
  throttle_authenticated_git_lfs_enabled INTEGER NOT NULL DEFAULT 0,
  throttle_authenticated_git_lfs_requests_per_period INTEGER NOT NULL DEFAULT 1000,
  throttle_authenticated_git_lfs_period_in_seconds INTEGER NOT NULL DEFAULT 60,
  pre_receive_secret_detection_enabled INTEGER NOT NULL DEFAULT 0,
  secret_push_protection_available INTEGER DEFAULT 0,
  silent_mode_enabled INTEGER NOT NULL DEFAULT 0,
  gitlab_dedicated_instance INTEGER NOT NULL DEFAULT 0,
  disable_admin_oauth_scopes INTEGER NOT NULL DEFAULT 0,
  user_seat_management TEXT NOT NULL DEFAULT '{}',
  new_user_signups_cap INTEGER,
  require_admin_approval_after_user_signup INTEGER NOT NULL DEFAULT 1,
  uuid TEXT,
  push_rule_id INTEGER,
  email_confirmation_setting INTEGER NOT NULL DEFAULT 0,
  error_tracking_access_token_encrypted TEXT
);
CREATE UNIQUE INDEX application_settings_push_rule_id_key ON application_settings (push_rule_id);

CREATE TABLE error_tracking_client_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  active INTEGER NOT NULL DEFAULT 1,
  public_key TEXT NOT NULL CHECK (length(public_key) <= 255),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX error_tracking_client_keys_project_id_public_key_idx ON error_tracking_client_keys (project_id, public_key) WHERE active = 1;

CREATE TABLE project_error_tracking_settings (
  project_id INTEGER NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  enabled INTEGER NOT NULL DEFAULT 0,
  api_url TEXT,
  project_name TEXT,
  organization_name TEXT,
  integrated INTEGER NOT NULL DEFAULT 1,
  sentry_project_id INTEGER
);
CREATE INDEX project_error_tracking_settings_sentry_project_id_idx ON project_error_tracking_settings (sentry_project_id);

CREATE TABLE plans (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  name TEXT,
  title TEXT
);
CREATE UNIQUE INDEX plans_name_key ON plans (name);
