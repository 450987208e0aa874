DROP TABLE scim_group_memberships;
DROP TABLE saml_group_links;
