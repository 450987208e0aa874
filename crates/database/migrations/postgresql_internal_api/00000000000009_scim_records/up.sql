-- What a provider has said of a user, and what is ours to remember of an identity. `group_id` is NULL for the instance.
CREATE TABLE scim_api_records (
  scope smallint NOT NULL,
  identity_id bigint NOT NULL,
  group_id bigint,
  user_id bigint NOT NULL,
  scim_id text NOT NULL,
  user_name text,
  formatted text,
  family_name text,
  given_name text,
  display_name text,
  version bigint NOT NULL DEFAULT 1,
  deleted_at timestamp,
  PRIMARY KEY (scope, identity_id)
);
CREATE INDEX scim_api_records_lower_scim_id_idx ON scim_api_records (lower(scim_id), scope, group_id);
CREATE INDEX scim_api_records_lower_user_name_idx ON scim_api_records (lower(user_name), scope, group_id);

CREATE TABLE scim_api_emails (
  scope smallint NOT NULL,
  identity_id bigint NOT NULL,
  position smallint NOT NULL,
  user_id bigint NOT NULL,
  value text NOT NULL,
  type text,
  display text,
  is_primary boolean,
  PRIMARY KEY (scope, identity_id, position)
);
CREATE INDEX scim_api_emails_lower_value_idx ON scim_api_emails (lower(value), scope);
