-- Agents for Kubernetes, what they find, and the policies that say when they look; column by column as in a GitLab 18.0
-- database. Types as SQLite knows them: arrays and jsonb are JSON text, times are UTC text, booleans 0 or 1.

CREATE TABLE cluster_agents (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name TEXT NOT NULL CHECK (length(name) <= 255),
  created_by_user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  has_vulnerabilities INTEGER NOT NULL DEFAULT 0,
  connection_mode INTEGER NOT NULL DEFAULT 0,
  is_receptive INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX cluster_agents_project_id_name_key ON cluster_agents (project_id, name);
CREATE INDEX cluster_agents_created_by_user_id_idx ON cluster_agents (created_by_user_id);

CREATE TABLE cluster_agent_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  token_encrypted TEXT NOT NULL CHECK (length(token_encrypted) <= 255),
  created_by_user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  description TEXT CHECK (length(description) <= 1024),
  name TEXT NOT NULL CHECK (length(name) <= 255),
  last_used_at TEXT,
  status INTEGER NOT NULL DEFAULT 0,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX cluster_agent_tokens_token_encrypted_key ON cluster_agent_tokens (token_encrypted);
CREATE INDEX cluster_agent_tokens_agent_id_status_last_used_at_idx ON cluster_agent_tokens (agent_id, status, last_used_at);

CREATE TABLE cluster_agent_url_configurations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_by_user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  status INTEGER NOT NULL DEFAULT 0,
  url TEXT NOT NULL CHECK (length(url) <= 2048),
  ca_cert TEXT CHECK (length(ca_cert) <= 16384),
  client_key TEXT CHECK (length(client_key) <= 16384),
  client_cert TEXT CHECK (length(client_cert) <= 16384),
  tls_host TEXT CHECK (length(tls_host) <= 2048),
  public_key BLOB,
  encrypted_private_key BLOB,
  encrypted_private_key_iv BLOB
);
CREATE INDEX cluster_agent_url_configurations_agent_id_project_id_idx ON cluster_agent_url_configurations (agent_id, project_id);

CREATE TABLE agent_project_authorizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config TEXT NOT NULL
);
CREATE UNIQUE INDEX agent_project_authorizations_agent_id_project_id_key ON agent_project_authorizations (agent_id, project_id);
CREATE INDEX agent_project_authorizations_project_id_idx ON agent_project_authorizations (project_id);

CREATE TABLE agent_group_authorizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config TEXT NOT NULL
);
CREATE UNIQUE INDEX agent_group_authorizations_agent_id_group_id_key ON agent_group_authorizations (agent_id, group_id);
CREATE INDEX agent_group_authorizations_group_id_idx ON agent_group_authorizations (group_id);

CREATE TABLE agent_organization_authorizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config TEXT NOT NULL
);
CREATE UNIQUE INDEX agent_organization_authorizations_agent_id_key ON agent_organization_authorizations (agent_id);
CREATE INDEX agent_organization_authorizations_organization_id_idx ON agent_organization_authorizations (organization_id);

CREATE TABLE agent_user_access_project_authorizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config TEXT NOT NULL
);
CREATE UNIQUE INDEX agent_user_access_project_agent_id_project_id_key ON agent_user_access_project_authorizations (agent_id, project_id);
CREATE INDEX agent_user_access_project_project_id_idx ON agent_user_access_project_authorizations (project_id);

CREATE TABLE agent_user_access_group_authorizations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config TEXT NOT NULL
);
CREATE UNIQUE INDEX agent_user_access_group_agent_id_group_id_key ON agent_user_access_group_authorizations (agent_id, group_id);
CREATE INDEX agent_user_access_group_group_id_idx ON agent_user_access_group_authorizations (group_id);

CREATE TABLE agent_activity_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  agent_id INTEGER NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  project_id INTEGER REFERENCES projects (id) ON DELETE SET NULL,
  merge_request_id INTEGER REFERENCES merge_requests (id) ON DELETE SET NULL,
  agent_token_id INTEGER REFERENCES cluster_agent_tokens (id) ON DELETE SET NULL,
  recorded_at TEXT NOT NULL,
  kind INTEGER NOT NULL,
  level INTEGER NOT NULL,
  sha BLOB,
  detail TEXT CHECK (length(detail) <= 255),
  agent_project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE
);
CREATE INDEX agent_activity_events_agent_id_recorded_at_id_idx ON agent_activity_events (agent_id, recorded_at, id);
CREATE INDEX agent_activity_events_agent_token_id_idx ON agent_activity_events (agent_token_id) WHERE agent_token_id IS NOT NULL;

CREATE TABLE security_orchestration_policy_configurations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  security_policy_management_project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  configured_at TEXT,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  experiments TEXT NOT NULL DEFAULT '{}',
  CHECK ((project_id IS NULL) <> (namespace_id IS NULL))
);
CREATE UNIQUE INDEX security_orchestration_policy_configurations_project_id_key
  ON security_orchestration_policy_configurations (project_id) WHERE project_id IS NOT NULL;
CREATE UNIQUE INDEX security_orchestration_policy_configurations_namespace_id_key
  ON security_orchestration_policy_configurations (namespace_id) WHERE namespace_id IS NOT NULL;
CREATE INDEX security_orchestration_policy_management_project_id_idx
  ON security_orchestration_policy_configurations (security_policy_management_project_id);

CREATE TABLE security_policies (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  security_orchestration_policy_configuration_id INTEGER NOT NULL
    REFERENCES security_orchestration_policy_configurations (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  policy_index INTEGER NOT NULL,
  type INTEGER NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 1,
  name TEXT NOT NULL CHECK (length(name) <= 255),
  description TEXT,
  checksum TEXT NOT NULL CHECK (length(checksum) <= 255),
  scope TEXT NOT NULL DEFAULT '{}',
  security_policy_management_project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  content TEXT NOT NULL DEFAULT '{}',
  metadata TEXT NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX security_policies_configuration_id_type_policy_index_key
  ON security_policies (security_orchestration_policy_configuration_id, type, policy_index);

CREATE TABLE scan_execution_policy_rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  security_policy_id INTEGER NOT NULL REFERENCES security_policies (id) ON DELETE CASCADE,
  security_policy_management_project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  rule_index INTEGER NOT NULL,
  type INTEGER NOT NULL,
  content TEXT NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX scan_execution_policy_rules_policy_id_rule_index_key ON scan_execution_policy_rules (security_policy_id, rule_index);

CREATE TABLE vulnerability_scanners (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  external_id TEXT NOT NULL,
  name TEXT NOT NULL,
  vendor TEXT NOT NULL DEFAULT 'GitLab'
);
CREATE UNIQUE INDEX vulnerability_scanners_project_id_external_id_key ON vulnerability_scanners (project_id, external_id);

CREATE TABLE vulnerability_identifiers (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  fingerprint BLOB NOT NULL,
  external_type TEXT NOT NULL,
  external_id TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT
);
CREATE UNIQUE INDEX vulnerability_identifiers_project_id_fingerprint_key ON vulnerability_identifiers (project_id, fingerprint);

CREATE TABLE vulnerability_occurrences (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  severity INTEGER NOT NULL,
  report_type INTEGER NOT NULL,
  project_id INTEGER NOT NULL,
  scanner_id INTEGER NOT NULL REFERENCES vulnerability_scanners (id) ON DELETE CASCADE,
  primary_identifier_id INTEGER NOT NULL REFERENCES vulnerability_identifiers (id) ON DELETE CASCADE,
  project_fingerprint BLOB NOT NULL,
  location_fingerprint BLOB NOT NULL,
  name TEXT NOT NULL,
  metadata_version TEXT NOT NULL,
  raw_metadata TEXT NOT NULL,
  vulnerability_id INTEGER,
  details TEXT NOT NULL DEFAULT '{}',
  description TEXT CHECK (length(description) <= 15000),
  solution TEXT CHECK (length(solution) <= 7000),
  cve TEXT CHECK (length(cve) <= 48400),
  location TEXT,
  detection_method INTEGER NOT NULL DEFAULT 0,
  uuid TEXT NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  initial_pipeline_id INTEGER,
  latest_pipeline_id INTEGER
);
CREATE UNIQUE INDEX vulnerability_occurrences_uuid_key ON vulnerability_occurrences (uuid);
CREATE INDEX vulnerability_occurrences_location_fingerprint_idx
  ON vulnerability_occurrences (project_id, report_type, location_fingerprint);
CREATE INDEX vulnerability_occurrences_vulnerability_id_idx ON vulnerability_occurrences (vulnerability_id);
CREATE INDEX vulnerability_occurrences_scanner_id_idx ON vulnerability_occurrences (scanner_id);
CREATE INDEX vulnerability_occurrences_primary_identifier_id_idx ON vulnerability_occurrences (primary_identifier_id);

CREATE TABLE vulnerability_occurrence_identifiers (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  occurrence_id INTEGER NOT NULL REFERENCES vulnerability_occurrences (id) ON DELETE CASCADE,
  identifier_id INTEGER NOT NULL REFERENCES vulnerability_identifiers (id) ON DELETE CASCADE,
  project_id INTEGER
);
CREATE UNIQUE INDEX vulnerability_occurrence_identifiers_key ON vulnerability_occurrence_identifiers (occurrence_id, identifier_id);
CREATE INDEX vulnerability_occurrence_identifiers_identifier_id_idx ON vulnerability_occurrence_identifiers (identifier_id);

CREATE TABLE vulnerability_finding_links (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  vulnerability_occurrence_id INTEGER NOT NULL REFERENCES vulnerability_occurrences (id) ON DELETE CASCADE,
  name TEXT CHECK (length(name) <= 255),
  url TEXT NOT NULL CHECK (length(url) <= 2048),
  project_id INTEGER
);
CREATE INDEX vulnerability_finding_links_occurrence_id_idx ON vulnerability_finding_links (vulnerability_occurrence_id);

CREATE TABLE vulnerabilities (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER NOT NULL,
  author_id INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  title TEXT(255) NOT NULL,
  description TEXT,
  state INTEGER NOT NULL DEFAULT 1,
  severity INTEGER NOT NULL,
  severity_overridden INTEGER DEFAULT 0,
  resolved_by_id INTEGER,
  resolved_at TEXT,
  report_type INTEGER NOT NULL,
  confirmed_by_id INTEGER,
  confirmed_at TEXT,
  dismissed_at TEXT,
  dismissed_by_id INTEGER,
  resolved_on_default_branch INTEGER NOT NULL DEFAULT 0,
  present_on_default_branch INTEGER NOT NULL DEFAULT 1,
  detected_at TEXT,
  finding_id INTEGER NOT NULL REFERENCES vulnerability_occurrences (id) ON DELETE CASCADE,
  cvss TEXT DEFAULT '[]',
  auto_resolved INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX vulnerabilities_project_id_id_idx ON vulnerabilities (project_id, id);
CREATE INDEX vulnerabilities_finding_id_idx ON vulnerabilities (finding_id);
CREATE INDEX vulnerabilities_author_id_idx ON vulnerabilities (author_id);

CREATE TABLE vulnerability_reads (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  vulnerability_id INTEGER NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
  project_id INTEGER NOT NULL,
  scanner_id INTEGER NOT NULL REFERENCES vulnerability_scanners (id) ON DELETE CASCADE,
  report_type INTEGER NOT NULL,
  severity INTEGER NOT NULL,
  state INTEGER NOT NULL,
  has_issues INTEGER NOT NULL DEFAULT 0,
  resolved_on_default_branch INTEGER NOT NULL DEFAULT 0,
  uuid TEXT NOT NULL,
  location_image TEXT CHECK (length(location_image) <= 2048),
  cluster_agent_id TEXT CHECK (length(cluster_agent_id) <= 10),
  casted_cluster_agent_id INTEGER,
  dismissal_reason INTEGER,
  has_merge_request INTEGER NOT NULL DEFAULT 0,
  has_remediations INTEGER NOT NULL DEFAULT 0,
  owasp_top_10 INTEGER DEFAULT -1,
  traversal_ids TEXT NOT NULL DEFAULT '[]',
  archived INTEGER NOT NULL DEFAULT 0,
  identifier_names TEXT NOT NULL DEFAULT '[]',
  has_vulnerability_resolution INTEGER DEFAULT 0,
  auto_resolved INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX vulnerability_reads_vulnerability_id_key ON vulnerability_reads (vulnerability_id);
CREATE UNIQUE INDEX vulnerability_reads_uuid_key ON vulnerability_reads (uuid);
CREATE INDEX vulnerability_reads_project_id_idx ON vulnerability_reads (project_id, report_type, state);
CREATE INDEX vulnerability_reads_casted_cluster_agent_id_idx ON vulnerability_reads (casted_cluster_agent_id) WHERE report_type = 7;

CREATE TABLE vulnerability_state_transitions (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  vulnerability_id INTEGER NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
  to_state INTEGER NOT NULL,
  from_state INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  author_id INTEGER,
  comment TEXT CHECK (length(comment) <= 50000),
  dismissal_reason INTEGER,
  project_id INTEGER
);
CREATE INDEX vulnerability_state_transitions_vulnerability_id_idx ON vulnerability_state_transitions (vulnerability_id);

CREATE TABLE alert_management_alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  events INTEGER NOT NULL DEFAULT 1,
  iid INTEGER NOT NULL,
  severity INTEGER NOT NULL DEFAULT 0,
  status INTEGER NOT NULL DEFAULT 0,
  fingerprint BLOB,
  issue_id INTEGER,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  title TEXT NOT NULL CHECK (length(title) <= 200),
  description TEXT CHECK (length(description) <= 1000),
  service TEXT CHECK (length(service) <= 100),
  monitoring_tool TEXT CHECK (length(monitoring_tool) <= 100),
  hosts TEXT NOT NULL DEFAULT '[]',
  payload TEXT NOT NULL DEFAULT '{}',
  prometheus_alert_id INTEGER,
  environment_id INTEGER,
  domain INTEGER DEFAULT 0
);
CREATE UNIQUE INDEX alert_management_alerts_project_id_iid_key ON alert_management_alerts (project_id, iid);
CREATE UNIQUE INDEX alert_management_alerts_project_id_fingerprint_key
  ON alert_management_alerts (project_id, fingerprint) WHERE fingerprint IS NOT NULL AND status <> 2;

CREATE TABLE internal_ids (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
  usage INTEGER NOT NULL,
  last_value INTEGER NOT NULL,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX internal_ids_usage_namespace_id_key ON internal_ids (usage, namespace_id) WHERE namespace_id IS NOT NULL;
CREATE UNIQUE INDEX internal_ids_usage_project_id_key ON internal_ids (usage, project_id) WHERE project_id IS NOT NULL;

CREATE TABLE feature_gates (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  feature_key TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX feature_gates_feature_key_key_value_key ON feature_gates (feature_key, key, value);
