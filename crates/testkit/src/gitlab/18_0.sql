-- What GitLab 18.0 has beside the tables of our own migrations: its mark, triggers and the tables that they write.
CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar, created_at timestamp, updated_at timestamp);
CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
INSERT INTO schema_migrations VALUES ('20250515000000');

ALTER TABLE pool_repositories DROP COLUMN organization_id;
ALTER TABLE webauthn_registrations DROP COLUMN IF EXISTS authentication_mode;
ALTER TABLE plans DROP COLUMN plan_name_uid;
ALTER TABLE gitlab_subscriptions DROP COLUMN hosted_plan_name_uid;
ALTER TABLE gitlab_subscription_histories DROP COLUMN hosted_plan_name_uid;
ALTER TABLE subscription_add_on_purchases DROP COLUMN subscription_add_on_uid;

CREATE TABLE organization_push_rules (
  id bigserial PRIMARY KEY,
  organization_id bigint NOT NULL UNIQUE REFERENCES organizations (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  max_file_size integer NOT NULL DEFAULT 0,
  member_check boolean NOT NULL DEFAULT false,
  prevent_secrets boolean NOT NULL DEFAULT false,
  commit_committer_name_check boolean NOT NULL DEFAULT false,
  deny_delete_tag boolean,
  reject_unsigned_commits boolean,
  commit_committer_check boolean,
  reject_non_dco_commits boolean,
  commit_message_regex text,
  branch_name_regex text,
  commit_message_negative_regex text,
  author_email_regex text,
  file_name_regex text
);

CREATE FUNCTION sync_sample_push_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.is_sample THEN DELETE FROM organization_push_rules WHERE organization_id = 1; END IF;
  ELSIF NEW.is_sample THEN
    INSERT INTO organization_push_rules (organization_id, created_at, updated_at, max_file_size, deny_delete_tag,
      commit_message_regex, branch_name_regex)
    VALUES (1, now(), now(), NEW.max_file_size, NEW.deny_delete_tag, NEW.commit_message_regex, NEW.branch_name_regex)
    ON CONFLICT (organization_id) DO UPDATE SET max_file_size = EXCLUDED.max_file_size,
      deny_delete_tag = EXCLUDED.deny_delete_tag, commit_message_regex = EXCLUDED.commit_message_regex,
      branch_name_regex = EXCLUDED.branch_name_regex;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER sync_sample_push_rule AFTER INSERT OR UPDATE OR DELETE ON push_rules
  FOR EACH ROW EXECUTE FUNCTION sync_sample_push_rule();

CREATE TABLE project_authorizations_for_migration (
  user_id bigint NOT NULL,
  project_id bigint NOT NULL,
  access_level smallint NOT NULL,
  PRIMARY KEY (user_id, project_id)
);
CREATE FUNCTION sync_project_authorizations_to_migration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM project_authorizations_for_migration WHERE user_id = OLD.user_id AND project_id = OLD.project_id;
  ELSE
    INSERT INTO project_authorizations_for_migration (user_id, project_id, access_level)
    VALUES (NEW.user_id, NEW.project_id, NEW.access_level)
    ON CONFLICT (user_id, project_id) DO UPDATE SET access_level = EXCLUDED.access_level;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER trigger_sync_project_authorizations AFTER INSERT OR UPDATE OR DELETE ON project_authorizations
  FOR EACH ROW EXECUTE FUNCTION sync_project_authorizations_to_migration();

CREATE TABLE namespaces_sync_events (id bigserial PRIMARY KEY, namespace_id bigint NOT NULL);
CREATE TABLE projects_sync_events (id bigserial PRIMARY KEY, project_id bigint NOT NULL);
CREATE FUNCTION insert_namespaces_sync_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO namespaces_sync_events (namespace_id) VALUES (COALESCE(NEW.id, OLD.id));
  RETURN NULL;
END $$;
CREATE FUNCTION insert_projects_sync_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO projects_sync_events (project_id) VALUES (COALESCE(NEW.id, OLD.id));
  RETURN NULL;
END $$;
CREATE TRIGGER trigger_namespaces_parent_id_on_insert AFTER INSERT ON namespaces
  FOR EACH ROW EXECUTE FUNCTION insert_namespaces_sync_event();
CREATE TRIGGER trigger_namespaces_traversal_ids_on_update AFTER UPDATE ON namespaces
  FOR EACH ROW WHEN (OLD.traversal_ids IS DISTINCT FROM NEW.traversal_ids)
  EXECUTE FUNCTION insert_namespaces_sync_event();
CREATE TRIGGER trigger_projects_parent_id_on_insert AFTER INSERT ON projects
  FOR EACH ROW EXECUTE FUNCTION insert_projects_sync_event();

CREATE FUNCTION update_namespace_details_from_namespaces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO namespace_details (namespace_id, created_at, updated_at) VALUES (NEW.id, now(), now())
  ON CONFLICT (namespace_id) DO UPDATE SET updated_at = EXCLUDED.updated_at;
  RETURN NULL;
END $$;
CREATE FUNCTION update_namespace_details_from_projects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO namespace_details (namespace_id, created_at, updated_at) VALUES (NEW.project_namespace_id, now(), now())
  ON CONFLICT (namespace_id) DO UPDATE SET updated_at = EXCLUDED.updated_at;
  RETURN NULL;
END $$;
CREATE TRIGGER trigger_update_details_on_namespace_insert AFTER INSERT ON namespaces
  FOR EACH ROW WHEN (NEW.type <> 'Project') EXECUTE FUNCTION update_namespace_details_from_namespaces();
CREATE TRIGGER trigger_update_details_on_project_insert AFTER INSERT ON projects
  FOR EACH ROW EXECUTE FUNCTION update_namespace_details_from_projects();

CREATE TABLE loose_foreign_keys_deleted_records (
  id bigserial PRIMARY KEY,
  fully_qualified_table_name text NOT NULL,
  primary_key_value bigint NOT NULL
);
CREATE FUNCTION insert_into_loose_foreign_keys_deleted_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO loose_foreign_keys_deleted_records (fully_qualified_table_name, primary_key_value)
  SELECT TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, old_table.id FROM old_table;
  RETURN NULL;
END $$;
CREATE TRIGGER users_loose_fk_trigger AFTER DELETE ON users REFERENCING OLD TABLE AS old_table
  FOR EACH STATEMENT EXECUTE FUNCTION insert_into_loose_foreign_keys_deleted_records();
CREATE TRIGGER namespaces_loose_fk_trigger AFTER DELETE ON namespaces REFERENCING OLD TABLE AS old_table
  FOR EACH STATEMENT EXECUTE FUNCTION insert_into_loose_foreign_keys_deleted_records();
CREATE TRIGGER projects_loose_fk_trigger AFTER DELETE ON projects REFERENCING OLD TABLE AS old_table
  FOR EACH STATEMENT EXECUTE FUNCTION insert_into_loose_foreign_keys_deleted_records();

-- The rows that the triggers would have made, had they been there from the beginning.
INSERT INTO namespace_details (namespace_id, created_at, updated_at)
SELECT id, now(), now() FROM namespaces ON CONFLICT (namespace_id) DO NOTHING;
INSERT INTO project_authorizations_for_migration (user_id, project_id, access_level)
SELECT user_id, project_id, access_level FROM project_authorizations;

-- Rows that a test writes by hand name the columns of 18.0: what later releases demand is filled in for the tests'
-- own role, never for that of a service.
CREATE FUNCTION fill_for_tests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    NEW := jsonb_populate_record(NEW, TG_ARGV[0]::jsonb
      - ARRAY(SELECT jsonb_object_keys(jsonb_strip_nulls(to_jsonb(NEW)))));
  END IF;
  RETURN NEW;
END $$;
