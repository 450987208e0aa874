DROP TABLE allowed_email_domains;
DROP TABLE group_scim_auth_access_tokens;
DROP TABLE scim_oauth_access_tokens;
DROP TABLE group_scim_identities;
DROP TABLE scim_identities;
ALTER TABLE users DROP COLUMN remember_created_at;
