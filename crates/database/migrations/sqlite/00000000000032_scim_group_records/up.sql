-- What a provider sent for a SCIM group, and its version.
CREATE TABLE scim_api_groups (
  scim_group_uid TEXT PRIMARY KEY,
  external_id TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX scim_api_groups_lower_external_id_idx ON scim_api_groups (lower(external_id));

-- The membership that a user had before a SCIM group changed it. It comes back when the user leaves the SCIM group.
CREATE TABLE scim_api_prior_members (
  user_id INTEGER NOT NULL,
  namespace_id INTEGER NOT NULL,
  access_level INTEGER NOT NULL,
  member_role_id INTEGER,
  expires_at TEXT,
  PRIMARY KEY (user_id, namespace_id)
);
