DROP TABLE scim_api_emails;
DROP TABLE scim_api_records;
