-- What a provider sent for a SCIM group, and its version.
CREATE TABLE scim_api_groups (
  scim_group_uid uuid PRIMARY KEY,
  external_id text,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);
CREATE INDEX scim_api_groups_lower_external_id_idx ON scim_api_groups (lower(external_id));

-- The membership that a user had before a SCIM group changed it. It comes back when the user leaves the SCIM group.
CREATE TABLE scim_api_prior_members (
  user_id bigint NOT NULL,
  namespace_id bigint NOT NULL,
  access_level integer NOT NULL,
  member_role_id bigint,
  expires_at date,
  PRIMARY KEY (user_id, namespace_id)
);
