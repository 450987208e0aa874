-- A group links an account that it did not create: it sees what it sent, and nothing of the account.
ALTER TABLE scim_api_records ADD COLUMN is_foreign INTEGER NOT NULL DEFAULT 0;

-- A record without `user_name` belongs to an identity that GitLab created. GitLab shows the account there.
UPDATE scim_api_records SET is_foreign = 1,
  formatted = COALESCE(NULLIF(trim(formatted), ''), NULLIF(trim(display_name), ''),
    NULLIF(trim(COALESCE(trim(given_name), '') || ' ' || COALESCE(trim(family_name), '')), ''), user_name)
WHERE scope = 1 AND user_name <> ''
  AND EXISTS (SELECT 1 FROM scim_api_emails e
    WHERE e.scope = scim_api_records.scope AND e.identity_id = scim_api_records.identity_id)
  AND NOT EXISTS (SELECT 1 FROM user_details d
    WHERE d.user_id = scim_api_records.user_id AND d.provisioned_by_group_id = scim_api_records.group_id);
