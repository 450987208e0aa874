DROP TABLE scim_api_prior_members;
DROP TABLE scim_api_groups;
