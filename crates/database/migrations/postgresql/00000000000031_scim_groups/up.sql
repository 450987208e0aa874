CREATE TABLE saml_group_links (
  id bigserial PRIMARY KEY,
  access_level smallint NOT NULL,
  group_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  saml_group_name text NOT NULL CHECK (char_length(saml_group_name) <= 255),
  member_role_id bigint,
  assign_duo_seats boolean NOT NULL DEFAULT false,
  scim_group_uid uuid,
  provider text CHECK (char_length(provider) <= 255)
);
CREATE UNIQUE INDEX saml_group_links_group_id_saml_group_name_key ON saml_group_links (group_id, saml_group_name);
CREATE INDEX saml_group_links_scim_group_uid_idx ON saml_group_links (scim_group_uid);

CREATE TABLE scim_group_memberships (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  scim_group_uid uuid NOT NULL
);
CREATE INDEX scim_group_memberships_scim_group_uid_idx ON scim_group_memberships (scim_group_uid);
CREATE UNIQUE INDEX scim_group_memberships_user_id_scim_group_uid_key ON scim_group_memberships (user_id, scim_group_uid);
