ALTER TABLE scim_api_records DROP COLUMN is_foreign;
