CREATE TABLE saml_group_links (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  access_level INTEGER NOT NULL,
  group_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  saml_group_name TEXT NOT NULL CHECK (length(saml_group_name) <= 255),
  member_role_id INTEGER,
  assign_duo_seats INTEGER NOT NULL DEFAULT 0,
  scim_group_uid TEXT,
  provider TEXT CHECK (length(provider) <= 255)
);
CREATE UNIQUE INDEX saml_group_links_group_id_saml_group_name_key ON saml_group_links (group_id, saml_group_name);
CREATE INDEX saml_group_links_scim_group_uid_idx ON saml_group_links (scim_group_uid);

CREATE TABLE scim_group_memberships (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  scim_group_uid TEXT NOT NULL
);
CREATE INDEX scim_group_memberships_scim_group_uid_idx ON scim_group_memberships (scim_group_uid);
CREATE UNIQUE INDEX scim_group_memberships_user_id_scim_group_uid_key ON scim_group_memberships (user_id, scim_group_uid);
