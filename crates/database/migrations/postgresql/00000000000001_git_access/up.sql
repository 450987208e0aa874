-- The tables behind git access, column by column as in a GitLab 18.0 database.

CREATE TABLE organizations (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  name text NOT NULL DEFAULT '' CHECK (char_length(name) <= 255),
  path text NOT NULL CHECK (char_length(path) <= 255),
  visibility_level smallint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX organizations_lower_path_key ON organizations (lower(path));

CREATE TABLE users (
  id bigserial PRIMARY KEY,
  email varchar NOT NULL DEFAULT '',
  encrypted_password varchar NOT NULL DEFAULT '',
  created_at timestamp,
  updated_at timestamp,
  name varchar,
  admin boolean NOT NULL DEFAULT false,
  projects_limit integer NOT NULL,
  failed_attempts integer DEFAULT 0,
  locked_at timestamp,
  username varchar,
  can_create_group boolean NOT NULL DEFAULT true,
  can_create_team boolean NOT NULL DEFAULT true,
  state varchar,
  color_scheme_id bigint NOT NULL DEFAULT 1,
  password_expires_at timestamp,
  confirmed_at timestamp,
  hide_no_ssh_key boolean NOT NULL DEFAULT false,
  notification_email varchar,
  hide_no_password boolean NOT NULL DEFAULT false,
  password_automatically_set boolean DEFAULT false,
  otp_required_for_login boolean NOT NULL DEFAULT false,
  otp_backup_codes text,
  project_view integer NOT NULL DEFAULT 2,
  otp_grace_period_started_at timestamp,
  external boolean DEFAULT false,
  auditor boolean NOT NULL DEFAULT false,
  require_two_factor_authentication_from_group boolean NOT NULL DEFAULT false,
  two_factor_grace_period integer NOT NULL DEFAULT 48,
  last_activity_on date,
  notified_of_own_activity boolean NOT NULL DEFAULT false,
  accepted_term_id bigint,
  private_profile boolean NOT NULL DEFAULT false,
  managing_group_id bigint,
  user_type smallint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE INDEX users_username_idx ON users (username);
CREATE INDEX users_lower_username_idx ON users (lower(username));
CREATE INDEX users_lower_email_idx ON users (lower(email));
CREATE INDEX users_state_user_type_idx ON users (state, user_type);

CREATE TABLE organization_users (
  id bigserial PRIMARY KEY,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE RESTRICT,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  access_level smallint NOT NULL DEFAULT 10
);
CREATE UNIQUE INDEX organization_users_organization_id_user_id_key ON organization_users (organization_id, user_id);
CREATE INDEX organization_users_user_id_idx ON organization_users (user_id);

CREATE TABLE namespaces (
  id bigserial PRIMARY KEY,
  name varchar NOT NULL,
  path varchar NOT NULL,
  owner_id bigint,
  created_at timestamp,
  updated_at timestamp,
  type varchar NOT NULL DEFAULT 'User',
  description varchar NOT NULL DEFAULT '',
  share_with_group_lock boolean DEFAULT false,
  visibility_level integer NOT NULL DEFAULT 20,
  request_access_enabled boolean NOT NULL DEFAULT true,
  lfs_enabled boolean,
  parent_id bigint REFERENCES namespaces (id) ON DELETE RESTRICT,
  shared_runners_minutes_limit integer,
  repository_size_limit bigint,
  require_two_factor_authentication boolean NOT NULL DEFAULT false,
  two_factor_grace_period integer NOT NULL DEFAULT 48,
  project_creation_level integer,
  extra_shared_runners_minutes_limit integer,
  default_branch_protection smallint,
  push_rule_id bigint,
  traversal_ids bigint[] NOT NULL DEFAULT '{}',
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX namespaces_name_parent_id_type_key ON namespaces (name, parent_id, type);
CREATE UNIQUE INDEX namespaces_parent_id_id_key ON namespaces (parent_id, id);
CREATE UNIQUE INDEX namespaces_push_rule_id_key ON namespaces (push_rule_id);
CREATE INDEX namespaces_owner_id_idx ON namespaces (owner_id);
CREATE INDEX namespaces_path_idx ON namespaces (path);
CREATE INDEX namespaces_lower_path_idx ON namespaces (lower(path));
CREATE INDEX namespaces_lower_name_idx ON namespaces (lower(name));
CREATE INDEX namespaces_type_id_idx ON namespaces (type, id);
CREATE INDEX namespaces_root_type_id_idx ON namespaces ((traversal_ids[1]), type, id);
CREATE INDEX namespaces_traversal_ids_idx ON namespaces USING gin (traversal_ids);

CREATE TABLE user_details (
  user_id bigint NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  webauthn_xid text CHECK (char_length(webauthn_xid) <= 100),
  provisioned_by_group_id bigint,
  password_last_changed_at timestamptz NOT NULL DEFAULT now(),
  enterprise_group_id bigint,
  project_authorizations_recalculated_at timestamptz NOT NULL DEFAULT '2010-01-01 00:00:00+00',
  onboarding_status jsonb NOT NULL DEFAULT '{}',
  bot_namespace_id bigint REFERENCES namespaces (id) ON DELETE SET NULL
);
CREATE INDEX user_details_enterprise_group_id_user_id_idx ON user_details (enterprise_group_id, user_id);

CREATE TABLE emails (
  id bigserial PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  email varchar NOT NULL,
  created_at timestamp,
  updated_at timestamp,
  confirmed_at timestamp,
  detumbled_email text CHECK (char_length(detumbled_email) <= 255)
);
CREATE UNIQUE INDEX emails_email_key ON emails (email);
CREATE INDEX emails_user_id_idx ON emails (user_id);

CREATE TABLE member_roles (
  id bigserial PRIMARY KEY,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  base_access_level integer,
  name text NOT NULL DEFAULT 'Custom' CHECK (char_length(name) <= 255),
  description text CHECK (char_length(description) <= 255),
  permissions jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX member_roles_name_key ON member_roles (name) WHERE namespace_id IS NULL;
CREATE UNIQUE INDEX member_roles_namespace_id_name_key ON member_roles (namespace_id, name) WHERE namespace_id IS NOT NULL;

CREATE TABLE saml_providers (
  id bigserial PRIMARY KEY,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  enabled boolean NOT NULL,
  certificate_fingerprint varchar NOT NULL,
  sso_url varchar NOT NULL,
  enforced_sso boolean NOT NULL DEFAULT false,
  default_membership_role smallint NOT NULL DEFAULT 10,
  git_check_enforced boolean NOT NULL DEFAULT false,
  member_role_id bigint REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE INDEX saml_providers_group_id_idx ON saml_providers (group_id);

CREATE TABLE identities (
  id bigserial PRIMARY KEY,
  extern_uid varchar,
  provider varchar,
  user_id bigint,
  created_at timestamp,
  updated_at timestamp,
  saml_provider_id bigint REFERENCES saml_providers (id) ON DELETE CASCADE,
  trusted_extern_uid boolean DEFAULT true
);
CREATE INDEX identities_lower_extern_uid_provider_idx ON identities (lower(extern_uid), provider);
CREATE INDEX identities_user_id_idx ON identities (user_id);
CREATE INDEX identities_saml_provider_id_idx ON identities (saml_provider_id) WHERE saml_provider_id IS NOT NULL;

CREATE TABLE webauthn_registrations (
  id bigserial PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  credential_xid text NOT NULL CHECK (char_length(credential_xid) <= 1364),
  name text NOT NULL CHECK (char_length(name) <= 255),
  public_key text NOT NULL
);
CREATE INDEX webauthn_registrations_user_id_idx ON webauthn_registrations (user_id);

CREATE TABLE personal_access_tokens (
  id bigserial PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name varchar NOT NULL,
  revoked boolean DEFAULT false,
  expires_at date,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  scopes varchar NOT NULL DEFAULT E'--- []\n',
  impersonation boolean NOT NULL DEFAULT false,
  token_digest varchar,
  last_used_at timestamptz,
  previous_personal_access_token_id bigint REFERENCES personal_access_tokens (id) ON DELETE SET NULL,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  description text CHECK (char_length(description) <= 255)
);
CREATE UNIQUE INDEX personal_access_tokens_token_digest_key ON personal_access_tokens (token_digest);
CREATE INDEX personal_access_tokens_user_id_idx ON personal_access_tokens (user_id);
CREATE INDEX personal_access_tokens_organization_id_idx ON personal_access_tokens (organization_id);

CREATE TABLE namespace_settings (
  namespace_id bigint NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  allow_mfa_for_subgroups boolean NOT NULL DEFAULT true,
  default_branch_name text CHECK (char_length(default_branch_name) <= 255),
  repository_read_only boolean NOT NULL DEFAULT false,
  resource_access_token_creation_allowed boolean NOT NULL DEFAULT true,
  new_user_signups_cap integer,
  enabled_git_access_protocol smallint NOT NULL DEFAULT 0,
  default_branch_protection_defaults jsonb NOT NULL DEFAULT '{}',
  enforce_ssh_certificates boolean NOT NULL DEFAULT false,
  disable_personal_access_tokens boolean NOT NULL DEFAULT false,
  seat_control smallint NOT NULL DEFAULT 0,
  archived boolean NOT NULL DEFAULT false,
  require_dpop_for_manage_api_endpoints boolean NOT NULL DEFAULT true
);

CREATE TABLE namespace_details (
  namespace_id bigint NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamptz,
  updated_at timestamptz,
  description text,
  creator_id bigint,
  deleted_at timestamptz
);
CREATE INDEX namespace_details_creator_id_idx ON namespace_details (creator_id);

CREATE TABLE routes (
  id bigserial PRIMARY KEY,
  source_id bigint NOT NULL,
  source_type varchar NOT NULL,
  path varchar NOT NULL,
  created_at timestamp,
  updated_at timestamp,
  name varchar,
  namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX routes_path_key ON routes (path);
CREATE UNIQUE INDEX routes_namespace_id_key ON routes (namespace_id);
CREATE UNIQUE INDEX routes_source_type_source_id_key ON routes (source_type, source_id);
CREATE INDEX routes_lower_path_idx ON routes (lower(path));
CREATE INDEX routes_path_pattern_idx ON routes (path varchar_pattern_ops);

CREATE TABLE redirect_routes (
  id bigserial PRIMARY KEY,
  source_id bigint NOT NULL,
  source_type varchar NOT NULL,
  path varchar NOT NULL,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX redirect_routes_path_key ON redirect_routes (path);
CREATE UNIQUE INDEX redirect_routes_lower_path_pattern_key ON redirect_routes (lower(path) varchar_pattern_ops);
CREATE INDEX redirect_routes_source_type_source_id_idx ON redirect_routes (source_type, source_id);

CREATE TABLE projects (
  id bigserial PRIMARY KEY,
  name varchar,
  path varchar,
  created_at timestamp,
  updated_at timestamp,
  creator_id bigint,
  namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE RESTRICT,
  last_activity_at timestamp,
  visibility_level integer NOT NULL DEFAULT 0,
  archived boolean NOT NULL DEFAULT false,
  mirror boolean NOT NULL DEFAULT false,
  pending_delete boolean DEFAULT false,
  public_builds boolean NOT NULL DEFAULT true,
  repository_storage varchar NOT NULL DEFAULT 'default',
  repository_read_only boolean,
  request_access_enabled boolean NOT NULL DEFAULT true,
  lfs_enabled boolean,
  repository_size_limit bigint,
  printing_merge_request_link_enabled boolean NOT NULL DEFAULT true,
  storage_version smallint,
  only_mirror_protected_branches boolean,
  external_authorization_classification_label varchar,
  pool_repository_id bigint,
  marked_for_deletion_at date,
  project_namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  hidden boolean NOT NULL DEFAULT false,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX projects_project_namespace_id_key ON projects (project_namespace_id);
CREATE UNIQUE INDEX projects_name_namespace_id_key ON projects (name, namespace_id);
CREATE INDEX projects_namespace_id_id_idx ON projects (namespace_id, id);
CREATE INDEX projects_creator_id_id_idx ON projects (creator_id, id);
CREATE INDEX projects_lower_name_idx ON projects (lower(name));
CREATE INDEX projects_repository_storage_idx ON projects (repository_storage);

CREATE TABLE project_aliases (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name varchar NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX project_aliases_name_key ON project_aliases (name);

CREATE TABLE project_features (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  merge_requests_access_level integer,
  issues_access_level integer,
  wiki_access_level integer,
  snippets_access_level integer NOT NULL DEFAULT 20,
  builds_access_level integer,
  created_at timestamp,
  updated_at timestamp,
  repository_access_level integer NOT NULL DEFAULT 20,
  pages_access_level integer NOT NULL,
  forking_access_level integer,
  security_and_compliance_access_level integer NOT NULL DEFAULT 10,
  infrastructure_access_level integer NOT NULL DEFAULT 20
);
CREATE UNIQUE INDEX project_features_project_id_key ON project_features (project_id);

CREATE TABLE push_rules (
  id bigserial PRIMARY KEY,
  commit_message_regex varchar,
  deny_delete_tag boolean,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamp,
  updated_at timestamp,
  author_email_regex varchar,
  member_check boolean NOT NULL DEFAULT false,
  file_name_regex varchar,
  is_sample boolean DEFAULT false,
  max_file_size integer NOT NULL DEFAULT 0,
  prevent_secrets boolean NOT NULL DEFAULT false,
  branch_name_regex varchar,
  reject_unsigned_commits boolean,
  commit_committer_check boolean,
  regexp_uses_re2 boolean DEFAULT true,
  commit_message_negative_regex varchar,
  reject_non_dco_commits boolean,
  commit_committer_name_check boolean NOT NULL DEFAULT false,
  organization_id bigint
);
CREATE INDEX push_rules_project_id_idx ON push_rules (project_id);
CREATE INDEX push_rules_is_sample_idx ON push_rules (is_sample) WHERE is_sample;

CREATE TABLE project_settings (
  project_id bigint NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  push_rule_id bigint REFERENCES push_rules (id) ON DELETE SET NULL,
  has_vulnerabilities boolean NOT NULL DEFAULT false,
  mr_default_target_self boolean NOT NULL DEFAULT false,
  max_number_of_vulnerabilities integer
);
CREATE UNIQUE INDEX project_settings_push_rule_id_key ON project_settings (push_rule_id);

CREATE TABLE shards (
  id bigserial PRIMARY KEY,
  name varchar NOT NULL
);
CREATE UNIQUE INDEX shards_name_key ON shards (name);

CREATE TABLE project_repositories (
  id bigserial PRIMARY KEY,
  shard_id bigint NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path varchar NOT NULL,
  project_id bigint NOT NULL,
  object_format smallint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX project_repositories_disk_path_key ON project_repositories (disk_path);
CREATE UNIQUE INDEX project_repositories_project_id_key ON project_repositories (project_id);
CREATE INDEX project_repositories_shard_id_project_id_idx ON project_repositories (shard_id, project_id);

CREATE TABLE pool_repositories (
  id bigserial PRIMARY KEY,
  shard_id bigint NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path varchar,
  state varchar,
  source_project_id bigint REFERENCES projects (id) ON DELETE SET NULL,
  organization_id bigint
);
CREATE UNIQUE INDEX pool_repositories_disk_path_key ON pool_repositories (disk_path);
CREATE UNIQUE INDEX pool_repositories_source_project_id_key ON pool_repositories (source_project_id);

CREATE TABLE group_wiki_repositories (
  group_id bigint NOT NULL PRIMARY KEY,
  shard_id bigint NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path text NOT NULL CHECK (char_length(disk_path) <= 80)
);
CREATE UNIQUE INDEX group_wiki_repositories_disk_path_key ON group_wiki_repositories (disk_path);

CREATE TABLE snippets (
  id bigserial PRIMARY KEY,
  title varchar,
  author_id bigint NOT NULL,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamp,
  updated_at timestamp,
  type varchar,
  visibility_level integer NOT NULL DEFAULT 0,
  secret boolean NOT NULL DEFAULT false,
  repository_read_only boolean NOT NULL DEFAULT false,
  organization_id bigint,
  CHECK (num_nonnulls(organization_id, project_id) = 1)
);

CREATE TABLE snippet_repositories (
  snippet_id bigint NOT NULL PRIMARY KEY REFERENCES snippets (id) ON DELETE CASCADE,
  shard_id bigint NOT NULL REFERENCES shards (id) ON DELETE RESTRICT,
  disk_path varchar(80) NOT NULL,
  snippet_project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  snippet_organization_id bigint REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX snippet_repositories_disk_path_key ON snippet_repositories (disk_path);
CREATE INDEX snippet_repositories_shard_id_idx ON snippet_repositories (shard_id);

CREATE TABLE project_statistics (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  namespace_id bigint NOT NULL,
  storage_size bigint NOT NULL DEFAULT 0,
  repository_size bigint NOT NULL DEFAULT 0,
  lfs_objects_size bigint NOT NULL DEFAULT 0,
  shared_runners_seconds bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  root_namespace_id bigint REFERENCES namespaces (id) ON DELETE SET NULL,
  commit_count bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX project_statistics_project_id_key ON project_statistics (project_id);
CREATE INDEX project_statistics_namespace_id_idx ON project_statistics (namespace_id);
CREATE INDEX project_statistics_root_namespace_id_idx ON project_statistics (root_namespace_id);

CREATE TABLE project_authorizations (
  user_id bigint NOT NULL,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  access_level integer NOT NULL,
  is_unique boolean,
  PRIMARY KEY (user_id, project_id, access_level)
);
CREATE UNIQUE INDEX project_authorizations_project_id_user_id_access_level_key ON project_authorizations (project_id, user_id, access_level);
CREATE UNIQUE INDEX project_authorizations_project_id_user_id_key ON project_authorizations (project_id, user_id) WHERE is_unique;

CREATE TABLE members (
  id bigserial PRIMARY KEY,
  access_level integer NOT NULL,
  source_id bigint NOT NULL,
  source_type varchar NOT NULL,
  user_id bigint,
  notification_level integer NOT NULL,
  type varchar,
  created_at timestamp,
  updated_at timestamp,
  created_by_id bigint,
  invite_email varchar,
  invite_token varchar,
  invite_accepted_at timestamp,
  requested_at timestamp,
  expires_at date,
  state smallint DEFAULT 0,
  member_namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  member_role_id bigint REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX members_invite_token_key ON members (invite_token);
CREATE INDEX members_source_id_source_type_type_access_level_idx ON members (source_id, source_type, type, access_level);
CREATE INDEX members_user_id_access_level_idx ON members (user_id, access_level) WHERE requested_at IS NULL;
CREATE INDEX members_expires_at_idx ON members (expires_at);
CREATE INDEX members_member_namespace_id_type_requested_at_id_idx ON members (member_namespace_id, type, requested_at, id);

CREATE TABLE group_group_links (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  shared_group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  shared_with_group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  expires_at date,
  group_access smallint NOT NULL DEFAULT 30,
  member_role_id bigint REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX group_group_links_shared_group_id_shared_with_group_id_key ON group_group_links (shared_group_id, shared_with_group_id);
CREATE INDEX group_group_links_shared_with_group_id_shared_group_id_idx ON group_group_links (shared_with_group_id, shared_group_id);

CREATE TABLE project_group_links (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamp,
  updated_at timestamp,
  group_access integer NOT NULL DEFAULT 30,
  expires_at date,
  member_role_id bigint REFERENCES member_roles (id) ON DELETE SET NULL
);
CREATE INDEX project_group_links_group_id_project_id_idx ON project_group_links (group_id, project_id);
CREATE INDEX project_group_links_project_id_idx ON project_group_links (project_id);

CREATE TABLE namespace_bans (
  id bigserial PRIMARY KEY,
  namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX namespace_bans_namespace_id_user_id_key ON namespace_bans (namespace_id, user_id);

CREATE TABLE ip_restrictions (
  id bigserial PRIMARY KEY,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  range varchar NOT NULL
);
CREATE INDEX ip_restrictions_group_id_idx ON ip_restrictions (group_id);

CREATE TABLE keys (
  id bigserial PRIMARY KEY,
  user_id bigint,
  created_at timestamp,
  updated_at timestamp,
  key text,
  title varchar,
  type varchar,
  fingerprint varchar,
  public boolean NOT NULL DEFAULT false,
  last_used_at timestamp,
  fingerprint_sha256 bytea,
  expires_at timestamptz,
  usage_type smallint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX keys_fingerprint_sha256_key ON keys (fingerprint_sha256);
CREATE UNIQUE INDEX keys_id_type_key ON keys (id, type) WHERE public = true;
CREATE INDEX keys_fingerprint_idx ON keys (fingerprint);
CREATE INDEX keys_user_id_idx ON keys (user_id);
CREATE INDEX keys_last_used_at_idx ON keys (last_used_at DESC NULLS LAST);

CREATE TABLE deploy_keys_projects (
  id bigserial PRIMARY KEY,
  deploy_key_id bigint NOT NULL,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamp,
  updated_at timestamp,
  can_push boolean NOT NULL DEFAULT false
);
CREATE INDEX deploy_keys_projects_deploy_key_id_idx ON deploy_keys_projects (deploy_key_id);
CREATE INDEX deploy_keys_projects_project_id_idx ON deploy_keys_projects (project_id);

CREATE TABLE group_ssh_certificates (
  id bigserial PRIMARY KEY,
  namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  fingerprint bytea NOT NULL,
  title text NOT NULL CHECK (char_length(title) <= 256),
  key text NOT NULL CHECK (char_length(key) <= 524288)
);
CREATE UNIQUE INDEX group_ssh_certificates_fingerprint_key ON group_ssh_certificates (fingerprint);
CREATE INDEX group_ssh_certificates_namespace_id_idx ON group_ssh_certificates (namespace_id);

CREATE TABLE deploy_tokens (
  id bigserial PRIMARY KEY,
  revoked boolean DEFAULT false,
  read_repository boolean NOT NULL DEFAULT false,
  read_registry boolean NOT NULL DEFAULT false,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  name varchar NOT NULL,
  username varchar,
  token_encrypted varchar(255),
  deploy_token_type smallint NOT NULL DEFAULT 2,
  write_registry boolean NOT NULL DEFAULT false,
  read_package_registry boolean NOT NULL DEFAULT false,
  write_package_registry boolean NOT NULL DEFAULT false,
  creator_id bigint REFERENCES users (id) ON DELETE SET NULL,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  group_id bigint REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX deploy_tokens_token_encrypted_key ON deploy_tokens (token_encrypted);

CREATE TABLE project_deploy_tokens (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  deploy_token_id bigint NOT NULL REFERENCES deploy_tokens (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX project_deploy_tokens_project_id_deploy_token_id_key ON project_deploy_tokens (project_id, deploy_token_id);

CREATE TABLE group_deploy_tokens (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  deploy_token_id bigint NOT NULL REFERENCES deploy_tokens (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX group_deploy_tokens_group_id_deploy_token_id_key ON group_deploy_tokens (group_id, deploy_token_id);

CREATE TABLE protected_branches (
  id bigserial PRIMARY KEY,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  name varchar NOT NULL,
  created_at timestamp,
  updated_at timestamp,
  code_owner_approval_required boolean NOT NULL DEFAULT false,
  allow_force_push boolean NOT NULL DEFAULT false,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  CHECK ((project_id IS NULL) <> (namespace_id IS NULL))
);
CREATE INDEX protected_branches_project_id_idx ON protected_branches (project_id);
CREATE INDEX protected_branches_namespace_id_idx ON protected_branches (namespace_id) WHERE namespace_id IS NOT NULL;

CREATE TABLE protected_branch_push_access_levels (
  id bigserial PRIMARY KEY,
  protected_branch_id bigint NOT NULL REFERENCES protected_branches (id) ON DELETE CASCADE,
  access_level integer DEFAULT 40,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  user_id bigint REFERENCES users (id) ON DELETE CASCADE,
  group_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  deploy_key_id bigint REFERENCES keys (id) ON DELETE CASCADE
);
CREATE INDEX pb_push_pb_id_user_id_group_id_idx ON protected_branch_push_access_levels (protected_branch_id, user_id, group_id);

CREATE TABLE protected_branch_merge_access_levels (
  id bigserial PRIMARY KEY,
  protected_branch_id bigint NOT NULL REFERENCES protected_branches (id) ON DELETE CASCADE,
  access_level integer DEFAULT 40,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  user_id bigint REFERENCES users (id) ON DELETE CASCADE,
  group_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  protected_branch_project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  protected_branch_namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE INDEX pb_merge_pb_id_user_id_group_id_idx ON protected_branch_merge_access_levels (protected_branch_id, user_id, group_id);

CREATE TABLE protected_tags (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name varchar NOT NULL,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);
CREATE UNIQUE INDEX protected_tags_project_id_name_key ON protected_tags (project_id, name);

CREATE TABLE protected_tag_create_access_levels (
  id bigserial PRIMARY KEY,
  protected_tag_id bigint NOT NULL REFERENCES protected_tags (id) ON DELETE CASCADE,
  access_level integer DEFAULT 40,
  user_id bigint REFERENCES users (id) ON DELETE CASCADE,
  group_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  deploy_key_id bigint REFERENCES keys (id) ON DELETE CASCADE,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE
);
CREATE INDEX protected_tag_create_access_levels_protected_tag_id_idx ON protected_tag_create_access_levels (protected_tag_id);

CREATE TABLE lfs_objects (
  id bigserial PRIMARY KEY,
  oid varchar NOT NULL,
  size bigint NOT NULL,
  created_at timestamp,
  updated_at timestamp,
  file varchar,
  file_store integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX lfs_objects_oid_key ON lfs_objects (oid);

CREATE TABLE lfs_objects_projects (
  id bigserial PRIMARY KEY,
  lfs_object_id bigint NOT NULL REFERENCES lfs_objects (id) ON DELETE RESTRICT,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamp,
  updated_at timestamp,
  repository_type smallint
);
CREATE UNIQUE INDEX lfs_objects_projects_project_id_lfs_object_id_key ON lfs_objects_projects (project_id, lfs_object_id) WHERE repository_type IS NULL;
CREATE UNIQUE INDEX lfs_links_project_id_lfs_object_id_repository_type_key ON lfs_objects_projects (project_id, lfs_object_id, repository_type) WHERE repository_type IS NOT NULL;
CREATE INDEX lfs_objects_projects_lfs_object_id_idx ON lfs_objects_projects (lfs_object_id);

CREATE TABLE lfs_file_locks (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamp NOT NULL,
  path varchar(511)
);
CREATE UNIQUE INDEX lfs_file_locks_project_id_path_key ON lfs_file_locks (project_id, path);
CREATE INDEX lfs_file_locks_user_id_idx ON lfs_file_locks (user_id);

CREATE TABLE path_locks (
  id bigserial PRIMARY KEY,
  path varchar NOT NULL,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  user_id bigint REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);
CREATE INDEX path_locks_path_idx ON path_locks (path);
CREATE INDEX path_locks_project_id_idx ON path_locks (project_id);

CREATE TABLE merge_requests (
  id bigserial PRIMARY KEY,
  target_branch varchar NOT NULL,
  source_branch varchar NOT NULL,
  source_project_id bigint REFERENCES projects (id) ON DELETE SET NULL,
  author_id bigint REFERENCES users (id) ON DELETE SET NULL,
  title varchar,
  created_at timestamp,
  updated_at timestamp,
  merge_status varchar NOT NULL DEFAULT 'unchecked',
  target_project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  iid integer,
  in_progress_merge_commit_sha varchar,
  allow_maintainer_to_push boolean DEFAULT true,
  state_id smallint NOT NULL DEFAULT 1,
  draft boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX merge_requests_target_project_id_iid_key ON merge_requests (target_project_id, iid);
CREATE INDEX merge_requests_source_project_id_source_branch_idx ON merge_requests (source_project_id, source_branch);
CREATE INDEX merge_requests_target_project_id_source_branch_idx ON merge_requests (target_project_id, source_branch);

CREATE TABLE broadcast_messages (
  id bigserial PRIMARY KEY,
  message text NOT NULL,
  starts_at timestamp NOT NULL,
  ends_at timestamp NOT NULL,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  message_html text NOT NULL,
  target_path varchar(255),
  broadcast_type smallint NOT NULL DEFAULT 1,
  dismissable boolean,
  target_access_levels integer[] NOT NULL DEFAULT '{}',
  show_in_cli boolean NOT NULL DEFAULT true
);
CREATE INDEX broadcast_messages_ends_at_broadcast_type_id_idx ON broadcast_messages (ends_at, broadcast_type, id);

CREATE TABLE application_setting_terms (
  id bigserial PRIMARY KEY,
  terms text NOT NULL
);

CREATE TABLE term_agreements (
  id bigserial PRIMARY KEY,
  term_id bigint NOT NULL REFERENCES application_setting_terms (id),
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  accepted boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX term_agreements_user_id_term_id_key ON term_agreements (user_id, term_id);

CREATE TABLE application_settings (
  id bigserial PRIMARY KEY,
  created_at timestamp,
  updated_at timestamp,
  enabled_git_access_protocol varchar,
  receive_max_input_size integer,
  gitlab_shell_operation_limit integer DEFAULT 600,
  maintenance_mode boolean NOT NULL DEFAULT false,
  maintenance_mode_message text,
  repository_size_limit bigint DEFAULT 0,
  repository_storages_weighted jsonb NOT NULL DEFAULT '{}',
  rsa_key_restriction integer NOT NULL DEFAULT 0,
  dsa_key_restriction integer NOT NULL DEFAULT -1,
  ecdsa_key_restriction integer NOT NULL DEFAULT 0,
  ed25519_key_restriction integer NOT NULL DEFAULT 0,
  ecdsa_sk_key_restriction integer NOT NULL DEFAULT 0,
  ed25519_sk_key_restriction integer NOT NULL DEFAULT 0,
  require_two_factor_authentication boolean DEFAULT false,
  require_admin_two_factor_authentication boolean NOT NULL DEFAULT false,
  two_factor_grace_period integer DEFAULT 48,
  git_two_factor_session_expiry integer NOT NULL DEFAULT 15,
  max_personal_access_token_lifetime integer,
  require_personal_access_token_expiry boolean NOT NULL DEFAULT true,
  disable_personal_access_tokens boolean NOT NULL DEFAULT false,
  personal_access_token_prefix text DEFAULT 'glpat-' CHECK (char_length(personal_access_token_prefix) <= 20),
  token_prefixes jsonb NOT NULL DEFAULT '{}',
  max_ssh_key_lifetime integer,
  authorized_keys_enabled boolean NOT NULL DEFAULT true,
  password_authentication_enabled_for_git boolean NOT NULL DEFAULT true,
  enforce_terms boolean DEFAULT false,
  default_branch_name text CHECK (char_length(default_branch_name) <= 255),
  default_branch_protection integer DEFAULT 2,
  default_branch_protection_defaults jsonb NOT NULL DEFAULT '{}',
  default_projects_limit integer,
  user_default_external boolean NOT NULL DEFAULT false,
  user_default_internal_regex varchar,
  can_create_group boolean NOT NULL DEFAULT true,
  default_project_visibility integer NOT NULL DEFAULT 0,
  custom_http_clone_url_root varchar(511),
  external_authorization_service_enabled boolean NOT NULL DEFAULT false,
  allow_deploy_tokens_and_keys_with_external_authn boolean NOT NULL DEFAULT false,
  error_tracking_enabled boolean NOT NULL DEFAULT false,
  error_tracking_api_url text CHECK (char_length(error_tracking_api_url) <= 255),
  cluster_agents jsonb NOT NULL DEFAULT '{}',
  rate_limits jsonb NOT NULL DEFAULT '{}',
  check_namespace_plan boolean NOT NULL DEFAULT false,
  enforce_namespace_storage_limit boolean NOT NULL DEFAULT false,
  automatic_purchased_storage_allocation boolean NOT NULL DEFAULT false,
  shared_runners_minutes integer NOT NULL DEFAULT 0,
  max_number_of_repository_downloads smallint NOT NULL DEFAULT 0,
  max_number_of_repository_downloads_within_time_period integer NOT NULL DEFAULT 0,
  git_rate_limit_users_allowlist text[] NOT NULL DEFAULT '{}',
  unique_ips_limit_enabled boolean NOT NULL DEFAULT false,
  unique_ips_limit_per_user integer,
  unique_ips_limit_time_window integer,
  globally_allowed_ips text NOT NULL DEFAULT '',
  admin_mode boolean NOT NULL DEFAULT false,
  restricted_visibility_levels text,
  gitaly_timeout_default integer NOT NULL DEFAULT 55,
  gitaly_timeout_medium integer NOT NULL DEFAULT 30,
  gitaly_timeout_fast integer NOT NULL DEFAULT 10,
  throttle_authenticated_git_lfs_enabled boolean NOT NULL DEFAULT false,
  throttle_authenticated_git_lfs_requests_per_period integer NOT NULL DEFAULT 1000,
  throttle_authenticated_git_lfs_period_in_seconds integer NOT NULL DEFAULT 60,
  pre_receive_secret_detection_enabled boolean NOT NULL DEFAULT false,
  secret_push_protection_available boolean DEFAULT false,
  silent_mode_enabled boolean NOT NULL DEFAULT false,
  gitlab_dedicated_instance boolean NOT NULL DEFAULT false,
  disable_admin_oauth_scopes boolean NOT NULL DEFAULT false,
  user_seat_management jsonb NOT NULL DEFAULT '{}',
  new_user_signups_cap integer,
  require_admin_approval_after_user_signup boolean NOT NULL DEFAULT true,
  uuid varchar,
  push_rule_id bigint,
  email_confirmation_setting smallint NOT NULL DEFAULT 0,
  error_tracking_access_token_encrypted text
);
CREATE UNIQUE INDEX application_settings_push_rule_id_key ON application_settings (push_rule_id);

CREATE TABLE error_tracking_client_keys (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  active boolean NOT NULL DEFAULT true,
  public_key text NOT NULL CHECK (char_length(public_key) <= 255),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX error_tracking_client_keys_project_id_public_key_idx ON error_tracking_client_keys (project_id, public_key) WHERE active = true;

CREATE TABLE project_error_tracking_settings (
  project_id bigint NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  enabled boolean NOT NULL DEFAULT false,
  api_url varchar,
  project_name varchar,
  organization_name varchar,
  integrated boolean NOT NULL DEFAULT true,
  sentry_project_id bigint
);
CREATE INDEX project_error_tracking_settings_sentry_project_id_idx ON project_error_tracking_settings (sentry_project_id);

CREATE TABLE plans (
  id bigserial PRIMARY KEY,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL,
  name varchar,
  title varchar
);
CREATE UNIQUE INDEX plans_name_key ON plans (name);

-- push_rules refers to projects, which refers to namespaces: this one closes the circle.
ALTER TABLE namespaces ADD CONSTRAINT namespaces_push_rule_id_fkey
  FOREIGN KEY (push_rule_id) REFERENCES push_rules (id) ON DELETE SET NULL;
