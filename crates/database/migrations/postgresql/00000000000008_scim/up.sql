ALTER TABLE users ADD COLUMN remember_created_at timestamp;

CREATE TABLE scim_identities (
  id bigserial PRIMARY KEY,
  group_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  active boolean DEFAULT false,
  extern_uid varchar(255) NOT NULL
);
CREATE UNIQUE INDEX scim_identities_lower_extern_uid_group_id_key ON scim_identities (lower(extern_uid), group_id);
CREATE UNIQUE INDEX scim_identities_user_id_group_id_key ON scim_identities (user_id, group_id);
CREATE INDEX scim_identities_group_id_idx ON scim_identities (group_id);
-- A NULL never collides above. A real GitLab has no such index: our writers take a lock besides.
CREATE UNIQUE INDEX scim_identities_instance_lower_extern_uid_key ON scim_identities (lower(extern_uid)) WHERE group_id IS NULL;
CREATE UNIQUE INDEX scim_identities_instance_user_id_key ON scim_identities (user_id) WHERE group_id IS NULL;

CREATE TABLE group_scim_identities (
  id bigserial PRIMARY KEY,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  temp_source_id bigint,
  active boolean DEFAULT false,
  extern_uid text NOT NULL CHECK (char_length(extern_uid) <= 255)
);
CREATE UNIQUE INDEX group_scim_identities_lower_extern_uid_group_id_key ON group_scim_identities (lower(extern_uid), group_id);
CREATE UNIQUE INDEX group_scim_identities_user_id_group_id_key ON group_scim_identities (user_id, group_id);
CREATE UNIQUE INDEX group_scim_identities_temp_source_id_key ON group_scim_identities (temp_source_id);
CREATE INDEX group_scim_identities_group_id_idx ON group_scim_identities (group_id);

CREATE TABLE scim_oauth_access_tokens (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  group_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  token_encrypted varchar NOT NULL
);
CREATE UNIQUE INDEX scim_oauth_access_tokens_group_id_token_encrypted_key ON scim_oauth_access_tokens (group_id, token_encrypted);

CREATE TABLE group_scim_auth_access_tokens (
  id bigserial PRIMARY KEY,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  temp_source_id bigint,
  token_encrypted bytea NOT NULL
);
CREATE UNIQUE INDEX group_scim_auth_access_tokens_group_id_token_encrypted_key ON group_scim_auth_access_tokens (group_id, token_encrypted);
CREATE UNIQUE INDEX group_scim_auth_access_tokens_temp_source_id_key ON group_scim_auth_access_tokens (temp_source_id);

CREATE TABLE allowed_email_domains (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  domain varchar(255) NOT NULL
);
CREATE INDEX allowed_email_domains_group_id_idx ON allowed_email_domains (group_id);
