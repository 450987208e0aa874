-- Agents for Kubernetes, what they find, and the policies that say when they look; column by column as in a GitLab 18.0
-- database. Without its triggers: what they fill, the program fills.

CREATE TABLE cluster_agents (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (char_length(name) <= 255),
  created_by_user_id bigint REFERENCES users (id) ON DELETE SET NULL,
  has_vulnerabilities boolean NOT NULL DEFAULT false,
  connection_mode smallint NOT NULL DEFAULT 0,
  is_receptive boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX cluster_agents_project_id_name_key ON cluster_agents (project_id, name);
CREATE INDEX cluster_agents_created_by_user_id_idx ON cluster_agents (created_by_user_id);

CREATE TABLE cluster_agent_tokens (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  token_encrypted text NOT NULL CHECK (char_length(token_encrypted) <= 255),
  created_by_user_id bigint REFERENCES users (id) ON DELETE SET NULL,
  description text CHECK (char_length(description) <= 1024),
  name text NOT NULL CHECK (char_length(name) <= 255),
  last_used_at timestamptz,
  status smallint NOT NULL DEFAULT 0,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX cluster_agent_tokens_token_encrypted_key ON cluster_agent_tokens (token_encrypted);
CREATE INDEX cluster_agent_tokens_agent_id_status_last_used_at_idx ON cluster_agent_tokens (agent_id, status, last_used_at);

CREATE TABLE cluster_agent_url_configurations (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_by_user_id bigint REFERENCES users (id) ON DELETE SET NULL,
  status smallint NOT NULL DEFAULT 0,
  url text NOT NULL CHECK (char_length(url) <= 2048),
  ca_cert text CHECK (char_length(ca_cert) <= 16384),
  client_key text CHECK (char_length(client_key) <= 16384),
  client_cert text CHECK (char_length(client_cert) <= 16384),
  tls_host text CHECK (char_length(tls_host) <= 2048),
  public_key bytea,
  encrypted_private_key bytea,
  encrypted_private_key_iv bytea
);
CREATE INDEX cluster_agent_url_configurations_agent_id_project_id_idx ON cluster_agent_url_configurations (agent_id, project_id);

CREATE TABLE agent_project_authorizations (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config jsonb NOT NULL
);
CREATE UNIQUE INDEX agent_project_authorizations_agent_id_project_id_key ON agent_project_authorizations (agent_id, project_id);
CREATE INDEX agent_project_authorizations_project_id_idx ON agent_project_authorizations (project_id);

CREATE TABLE agent_group_authorizations (
  id bigserial PRIMARY KEY,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config jsonb NOT NULL
);
CREATE UNIQUE INDEX agent_group_authorizations_agent_id_group_id_key ON agent_group_authorizations (agent_id, group_id);
CREATE INDEX agent_group_authorizations_group_id_idx ON agent_group_authorizations (group_id);

CREATE TABLE agent_organization_authorizations (
  id bigserial PRIMARY KEY,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config jsonb NOT NULL
);
CREATE UNIQUE INDEX agent_organization_authorizations_agent_id_key ON agent_organization_authorizations (agent_id);
CREATE INDEX agent_organization_authorizations_organization_id_idx ON agent_organization_authorizations (organization_id);

CREATE TABLE agent_user_access_project_authorizations (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config jsonb NOT NULL
);
CREATE UNIQUE INDEX agent_user_access_project_agent_id_project_id_key ON agent_user_access_project_authorizations (agent_id, project_id);
CREATE INDEX agent_user_access_project_project_id_idx ON agent_user_access_project_authorizations (project_id);

CREATE TABLE agent_user_access_group_authorizations (
  id bigserial PRIMARY KEY,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  config jsonb NOT NULL
);
CREATE UNIQUE INDEX agent_user_access_group_agent_id_group_id_key ON agent_user_access_group_authorizations (agent_id, group_id);
CREATE INDEX agent_user_access_group_group_id_idx ON agent_user_access_group_authorizations (group_id);

CREATE TABLE agent_activity_events (
  id bigserial PRIMARY KEY,
  agent_id bigint NOT NULL REFERENCES cluster_agents (id) ON DELETE CASCADE,
  user_id bigint REFERENCES users (id) ON DELETE SET NULL,
  project_id bigint REFERENCES projects (id) ON DELETE SET NULL,
  merge_request_id bigint REFERENCES merge_requests (id) ON DELETE SET NULL,
  agent_token_id bigint REFERENCES cluster_agent_tokens (id) ON DELETE SET NULL,
  recorded_at timestamptz NOT NULL,
  kind smallint NOT NULL,
  level smallint NOT NULL,
  sha bytea,
  detail text CHECK (char_length(detail) <= 255),
  agent_project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE
);
CREATE INDEX agent_activity_events_agent_id_recorded_at_id_idx ON agent_activity_events (agent_id, recorded_at, id);
CREATE INDEX agent_activity_events_agent_token_id_idx ON agent_activity_events (agent_token_id) WHERE agent_token_id IS NOT NULL;

CREATE TABLE security_orchestration_policy_configurations (
  id bigserial PRIMARY KEY,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  security_policy_management_project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  configured_at timestamptz,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  experiments jsonb NOT NULL DEFAULT '{}',
  CHECK ((project_id IS NULL) <> (namespace_id IS NULL))
);
CREATE UNIQUE INDEX security_orchestration_policy_configurations_project_id_key
  ON security_orchestration_policy_configurations (project_id) WHERE project_id IS NOT NULL;
CREATE UNIQUE INDEX security_orchestration_policy_configurations_namespace_id_key
  ON security_orchestration_policy_configurations (namespace_id) WHERE namespace_id IS NOT NULL;
CREATE INDEX security_orchestration_policy_management_project_id_idx
  ON security_orchestration_policy_configurations (security_policy_management_project_id);

CREATE TABLE security_policies (
  id bigserial PRIMARY KEY,
  security_orchestration_policy_configuration_id bigint NOT NULL
    REFERENCES security_orchestration_policy_configurations (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  policy_index smallint NOT NULL,
  type smallint NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  name text NOT NULL CHECK (char_length(name) <= 255),
  description text,
  checksum text NOT NULL CHECK (char_length(checksum) <= 255),
  scope jsonb NOT NULL DEFAULT '{}',
  security_policy_management_project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  content jsonb NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX security_policies_configuration_id_type_policy_index_key
  ON security_policies (security_orchestration_policy_configuration_id, type, policy_index);

CREATE TABLE scan_execution_policy_rules (
  id bigserial PRIMARY KEY,
  security_policy_id bigint NOT NULL REFERENCES security_policies (id) ON DELETE CASCADE,
  security_policy_management_project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  rule_index smallint NOT NULL,
  type smallint NOT NULL,
  content jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX scan_execution_policy_rules_policy_id_rule_index_key ON scan_execution_policy_rules (security_policy_id, rule_index);

CREATE TABLE vulnerability_scanners (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  project_id bigint NOT NULL,
  external_id varchar NOT NULL,
  name varchar NOT NULL,
  vendor text NOT NULL DEFAULT 'GitLab'
);
CREATE UNIQUE INDEX vulnerability_scanners_project_id_external_id_key ON vulnerability_scanners (project_id, external_id);

CREATE TABLE vulnerability_identifiers (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  project_id bigint NOT NULL,
  fingerprint bytea NOT NULL,
  external_type varchar NOT NULL,
  external_id varchar NOT NULL,
  name varchar NOT NULL,
  url text
);
CREATE UNIQUE INDEX vulnerability_identifiers_project_id_fingerprint_key ON vulnerability_identifiers (project_id, fingerprint);

CREATE TABLE vulnerability_occurrences (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  severity smallint NOT NULL,
  report_type smallint NOT NULL,
  project_id bigint NOT NULL,
  scanner_id bigint NOT NULL REFERENCES vulnerability_scanners (id) ON DELETE CASCADE,
  primary_identifier_id bigint NOT NULL REFERENCES vulnerability_identifiers (id) ON DELETE CASCADE,
  project_fingerprint bytea NOT NULL,
  location_fingerprint bytea NOT NULL,
  name varchar NOT NULL,
  metadata_version varchar NOT NULL,
  raw_metadata text NOT NULL,
  vulnerability_id bigint,
  details jsonb NOT NULL DEFAULT '{}',
  description text CHECK (char_length(description) <= 15000),
  solution text CHECK (char_length(solution) <= 7000),
  cve text CHECK (char_length(cve) <= 48400),
  location jsonb,
  detection_method smallint NOT NULL DEFAULT 0,
  uuid uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  initial_pipeline_id bigint,
  latest_pipeline_id bigint
);
CREATE UNIQUE INDEX vulnerability_occurrences_uuid_key ON vulnerability_occurrences (uuid);
CREATE INDEX vulnerability_occurrences_location_fingerprint_idx
  ON vulnerability_occurrences (project_id, report_type, location_fingerprint);
CREATE INDEX vulnerability_occurrences_vulnerability_id_idx ON vulnerability_occurrences (vulnerability_id);
CREATE INDEX vulnerability_occurrences_scanner_id_idx ON vulnerability_occurrences (scanner_id);
CREATE INDEX vulnerability_occurrences_primary_identifier_id_idx ON vulnerability_occurrences (primary_identifier_id);

CREATE TABLE vulnerability_occurrence_identifiers (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  occurrence_id bigint NOT NULL REFERENCES vulnerability_occurrences (id) ON DELETE CASCADE,
  identifier_id bigint NOT NULL REFERENCES vulnerability_identifiers (id) ON DELETE CASCADE,
  project_id bigint
);
CREATE UNIQUE INDEX vulnerability_occurrence_identifiers_key ON vulnerability_occurrence_identifiers (occurrence_id, identifier_id);
CREATE INDEX vulnerability_occurrence_identifiers_identifier_id_idx ON vulnerability_occurrence_identifiers (identifier_id);

CREATE TABLE vulnerability_finding_links (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  vulnerability_occurrence_id bigint NOT NULL REFERENCES vulnerability_occurrences (id) ON DELETE CASCADE,
  name text CHECK (char_length(name) <= 255),
  url text NOT NULL CHECK (char_length(url) <= 2048),
  project_id bigint
);
CREATE INDEX vulnerability_finding_links_occurrence_id_idx ON vulnerability_finding_links (vulnerability_occurrence_id);

CREATE TABLE vulnerabilities (
  id bigserial PRIMARY KEY,
  project_id bigint NOT NULL,
  author_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  title varchar(255) NOT NULL,
  description text,
  state smallint NOT NULL DEFAULT 1,
  severity smallint NOT NULL,
  severity_overridden boolean DEFAULT false,
  resolved_by_id bigint,
  resolved_at timestamptz,
  report_type smallint NOT NULL,
  confirmed_by_id bigint,
  confirmed_at timestamptz,
  dismissed_at timestamptz,
  dismissed_by_id bigint,
  resolved_on_default_branch boolean NOT NULL DEFAULT false,
  present_on_default_branch boolean NOT NULL DEFAULT true,
  detected_at timestamptz DEFAULT now(),
  finding_id bigint NOT NULL REFERENCES vulnerability_occurrences (id) ON DELETE CASCADE,
  cvss jsonb DEFAULT '[]',
  auto_resolved boolean NOT NULL DEFAULT false
);
CREATE INDEX vulnerabilities_project_id_id_idx ON vulnerabilities (project_id, id);
CREATE INDEX vulnerabilities_finding_id_idx ON vulnerabilities (finding_id);
CREATE INDEX vulnerabilities_author_id_idx ON vulnerabilities (author_id);

CREATE TABLE vulnerability_reads (
  id bigserial PRIMARY KEY,
  vulnerability_id bigint NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
  project_id bigint NOT NULL,
  scanner_id bigint NOT NULL REFERENCES vulnerability_scanners (id) ON DELETE CASCADE,
  report_type smallint NOT NULL,
  severity smallint NOT NULL,
  state smallint NOT NULL,
  has_issues boolean NOT NULL DEFAULT false,
  resolved_on_default_branch boolean NOT NULL DEFAULT false,
  uuid uuid NOT NULL,
  location_image text CHECK (char_length(location_image) <= 2048),
  cluster_agent_id text CHECK (char_length(cluster_agent_id) <= 10),
  casted_cluster_agent_id bigint,
  dismissal_reason smallint,
  has_merge_request boolean NOT NULL DEFAULT false,
  has_remediations boolean NOT NULL DEFAULT false,
  owasp_top_10 smallint DEFAULT -1,
  traversal_ids bigint[] NOT NULL DEFAULT '{}',
  archived boolean NOT NULL DEFAULT false,
  identifier_names text[] NOT NULL DEFAULT '{}',
  has_vulnerability_resolution boolean DEFAULT false,
  auto_resolved boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX vulnerability_reads_vulnerability_id_key ON vulnerability_reads (vulnerability_id);
CREATE UNIQUE INDEX vulnerability_reads_uuid_key ON vulnerability_reads (uuid);
CREATE INDEX vulnerability_reads_project_id_idx ON vulnerability_reads (project_id, report_type, state);
CREATE INDEX vulnerability_reads_casted_cluster_agent_id_idx ON vulnerability_reads (casted_cluster_agent_id) WHERE report_type = 7;

CREATE TABLE vulnerability_state_transitions (
  id bigserial PRIMARY KEY,
  vulnerability_id bigint NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
  to_state smallint NOT NULL,
  from_state smallint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  author_id bigint,
  comment text CHECK (char_length(comment) <= 50000),
  dismissal_reason smallint,
  project_id bigint
);
CREATE INDEX vulnerability_state_transitions_vulnerability_id_idx ON vulnerability_state_transitions (vulnerability_id);

CREATE TABLE alert_management_alerts (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  events integer NOT NULL DEFAULT 1,
  iid integer NOT NULL,
  severity smallint NOT NULL DEFAULT 0,
  status smallint NOT NULL DEFAULT 0,
  fingerprint bytea,
  issue_id bigint,
  project_id bigint NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  title text NOT NULL CHECK (char_length(title) <= 200),
  description text CHECK (char_length(description) <= 1000),
  service text CHECK (char_length(service) <= 100),
  monitoring_tool text CHECK (char_length(monitoring_tool) <= 100),
  hosts text[] NOT NULL DEFAULT '{}',
  payload jsonb NOT NULL DEFAULT '{}',
  prometheus_alert_id bigint,
  environment_id bigint,
  domain smallint DEFAULT 0
);
CREATE UNIQUE INDEX alert_management_alerts_project_id_iid_key ON alert_management_alerts (project_id, iid);
CREATE UNIQUE INDEX alert_management_alerts_project_id_fingerprint_key
  ON alert_management_alerts (project_id, fingerprint) WHERE fingerprint IS NOT NULL AND status <> 2;

CREATE TABLE internal_ids (
  id bigserial PRIMARY KEY,
  project_id bigint REFERENCES projects (id) ON DELETE CASCADE,
  usage integer NOT NULL,
  last_value integer NOT NULL,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX internal_ids_usage_namespace_id_key ON internal_ids (usage, namespace_id) WHERE namespace_id IS NOT NULL;
CREATE UNIQUE INDEX internal_ids_usage_project_id_key ON internal_ids (usage, project_id) WHERE project_id IS NOT NULL;

CREATE TABLE feature_gates (
  id bigserial PRIMARY KEY,
  feature_key varchar NOT NULL,
  key varchar NOT NULL,
  value varchar,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);
CREATE UNIQUE INDEX feature_gates_feature_key_key_value_key ON feature_gates (feature_key, key, value);
