-- What a provider has said of a user, and what is ours to remember of an identity. `group_id` is NULL for the instance.
CREATE TABLE scim_api_records (
  scope INTEGER NOT NULL,
  identity_id INTEGER NOT NULL,
  group_id INTEGER,
  user_id INTEGER NOT NULL,
  scim_id TEXT NOT NULL,
  user_name TEXT,
  formatted TEXT,
  family_name TEXT,
  given_name TEXT,
  display_name TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  deleted_at TEXT,
  PRIMARY KEY (scope, identity_id)
);
CREATE INDEX scim_api_records_lower_scim_id_idx ON scim_api_records (lower(scim_id), scope, group_id);
CREATE INDEX scim_api_records_lower_user_name_idx ON scim_api_records (lower(user_name), scope, group_id);

CREATE TABLE scim_api_emails (
  scope INTEGER NOT NULL,
  identity_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  value TEXT NOT NULL,
  type TEXT,
  display TEXT,
  is_primary INTEGER,
  PRIMARY KEY (scope, identity_id, position)
);
CREATE INDEX scim_api_emails_lower_value_idx ON scim_api_emails (lower(value), scope);
