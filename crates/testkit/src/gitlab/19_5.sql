-- What GitLab changed from 18.5 to 19.5.
INSERT INTO schema_migrations VALUES ('20261015000000');
ALTER TABLE users ADD COLUMN otp_secret text;
ALTER TABLE user_details ADD COLUMN provisioned_by_project_id bigint;
ALTER TABLE user_details ADD CONSTRAINT check_one_source
  CHECK (num_nonnulls(provisioned_by_group_id, provisioned_by_project_id) <= 1);
ALTER TABLE emails ADD COLUMN organization_id bigint;
ALTER TABLE keys ADD COLUMN organization_id bigint NOT NULL DEFAULT 1;
ALTER TABLE keys ALTER COLUMN organization_id DROP DEFAULT;
CREATE TRIGGER fill_for_tests BEFORE INSERT ON keys FOR EACH ROW EXECUTE FUNCTION fill_for_tests('{"organization_id": 1}');
ALTER TABLE personal_access_tokens ADD COLUMN granular boolean NOT NULL DEFAULT false;
ALTER TABLE namespaces DROP COLUMN description, DROP COLUMN push_rule_id CASCADE;
ALTER TABLE namespaces ALTER COLUMN state SET DEFAULT 0;
UPDATE namespaces SET state = 0 WHERE state IS NULL;
ALTER TABLE namespaces ALTER COLUMN state SET NOT NULL;
ALTER TABLE namespace_details DROP COLUMN deleted_at;
ALTER TABLE namespace_details ADD COLUMN state_metadata jsonb NOT NULL DEFAULT '{}', ADD COLUMN deletion_scheduled_at timestamptz;
DROP TRIGGER trigger_update_details_on_namespace_insert ON namespaces;
DROP TRIGGER sync_sample_push_rule ON push_rules;
ALTER TABLE webauthn_registrations ADD COLUMN authentication_mode smallint NOT NULL DEFAULT 2;
UPDATE pool_repositories SET organization_id = 1;
ALTER TABLE pool_repositories ALTER COLUMN organization_id SET NOT NULL;
CREATE TRIGGER fill_for_tests BEFORE INSERT ON pool_repositories FOR EACH ROW EXECUTE FUNCTION fill_for_tests('{"organization_id": 1}');
ALTER TABLE group_scim_auth_access_tokens DROP COLUMN temp_source_id;
ALTER TABLE scim_oauth_access_tokens ADD COLUMN organization_id bigint NOT NULL DEFAULT 1;
ALTER TABLE scim_oauth_access_tokens ALTER COLUMN organization_id DROP DEFAULT;
CREATE TRIGGER fill_for_tests BEFORE INSERT ON scim_oauth_access_tokens
  FOR EACH ROW EXECUTE FUNCTION fill_for_tests('{"organization_id": 1}');
ALTER TABLE plans ADD COLUMN plan_name_uid smallint;
UPDATE plans SET plan_name_uid = CASE name WHEN 'default' THEN 1 WHEN 'free' THEN 2 WHEN 'bronze' THEN 3
  WHEN 'silver' THEN 4 WHEN 'premium' THEN 5 WHEN 'gold' THEN 6 WHEN 'ultimate' THEN 7 WHEN 'ultimate_trial' THEN 8
  WHEN 'premium_trial' THEN 9 WHEN 'ultimate_trial_paid_customer' THEN 10 WHEN 'opensource' THEN 11
  WHEN 'early_adopter' THEN 12 ELSE 100 + id END;
ALTER TABLE plans ALTER COLUMN plan_name_uid SET NOT NULL, ADD UNIQUE (plan_name_uid);
ALTER TABLE gitlab_subscriptions ADD COLUMN hosted_plan_name_uid smallint;
ALTER TABLE gitlab_subscription_histories ADD COLUMN hosted_plan_name_uid smallint;
UPDATE gitlab_subscriptions s SET hosted_plan_name_uid = p.plan_name_uid FROM plans p WHERE p.id = s.hosted_plan_id;
ALTER TABLE subscription_add_on_purchases ADD COLUMN subscription_add_on_uid smallint;
UPDATE subscription_add_on_purchases p SET subscription_add_on_uid = a.name FROM subscription_add_ons a
 WHERE a.id = p.subscription_add_on_id;
ALTER TABLE subscription_add_on_purchases ALTER COLUMN subscription_add_on_uid SET NOT NULL,
  ALTER COLUMN subscription_add_on_id DROP NOT NULL;
ALTER TABLE subscription_add_on_purchases ADD CONSTRAINT check_started_at CHECK (started_at IS NOT NULL) NOT VALID;
ALTER TABLE project_repositories ADD FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE;
ALTER TABLE organizations ADD COLUMN state smallint NOT NULL DEFAULT 0, ADD COLUMN uuid uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE organizations ALTER COLUMN uuid DROP DEFAULT;
CREATE TRIGGER fill_for_tests BEFORE INSERT ON organizations
  FOR EACH ROW EXECUTE FUNCTION fill_for_tests('{"uuid": "0d3a6b4e-64c5-4a55-9a2e-0c3f0a3c6a10"}');
-- A role belongs to a group or to an organization. Rows that a test writes by hand belong to the former, or to none.
ALTER TABLE member_roles ADD COLUMN organization_id bigint;
UPDATE member_roles SET organization_id = 1 WHERE namespace_id IS NULL;
ALTER TABLE member_roles ADD CHECK (num_nonnulls(namespace_id, organization_id) = 1);
CREATE FUNCTION fill_organization_for_tests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.namespace_id IS NULL AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    NEW.organization_id := COALESCE(NEW.organization_id, 1);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fill_for_tests BEFORE INSERT ON member_roles FOR EACH ROW EXECUTE FUNCTION fill_organization_for_tests();

-- Rows that a test writes by hand lack these numbers. For a service they are not filled in.
CREATE FUNCTION number_plan_for_tests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.plan_name_uid IS NULL AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    NEW.plan_name_uid := CASE NEW.name WHEN 'default' THEN 1 WHEN 'free' THEN 2 WHEN 'bronze' THEN 3
      WHEN 'silver' THEN 4 WHEN 'premium' THEN 5 WHEN 'gold' THEN 6 WHEN 'ultimate' THEN 7
      WHEN 'ultimate_trial' THEN 8 WHEN 'premium_trial' THEN 9 WHEN 'ultimate_trial_paid_customer' THEN 10
      WHEN 'opensource' THEN 11 WHEN 'early_adopter' THEN 12 ELSE 100 + NEW.id END;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER number_for_tests BEFORE INSERT ON plans FOR EACH ROW EXECUTE FUNCTION number_plan_for_tests();
CREATE FUNCTION number_add_on_purchase_for_tests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.subscription_add_on_uid IS NULL AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    NEW.subscription_add_on_uid := (SELECT name FROM subscription_add_ons WHERE id = NEW.subscription_add_on_id);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER number_for_tests BEFORE INSERT ON subscription_add_on_purchases
  FOR EACH ROW EXECUTE FUNCTION number_add_on_purchase_for_tests();

-- Triggers on vulnerabilities can be switched off since, and copy `auto_resolved` as well.
CREATE OR REPLACE FUNCTION update_vulnerability_reads_from_vulnerability() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('vulnerability_management.dont_execute_db_trigger', true) = 'true' THEN RETURN NULL; END IF;
  UPDATE vulnerability_reads SET severity = NEW.severity, state = NEW.state, auto_resolved = NEW.auto_resolved,
    resolved_on_default_branch = NEW.resolved_on_default_branch WHERE vulnerability_id = NEW.id;
  RETURN NULL;
END $$;

-- One partitioned table to which a service writes.
ALTER TABLE agent_activity_events RENAME TO agent_activity_events_before;
CREATE TABLE agent_activity_events (LIKE agent_activity_events_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
  PRIMARY KEY (id, recorded_at),
  FOREIGN KEY (agent_id) REFERENCES cluster_agents (id) ON DELETE CASCADE,
  FOREIGN KEY (agent_project_id) REFERENCES projects (id) ON DELETE CASCADE,
  FOREIGN KEY (agent_token_id) REFERENCES cluster_agent_tokens (id) ON DELETE SET NULL,
  FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE SET NULL,
  FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL
) PARTITION BY RANGE (recorded_at);
CREATE SCHEMA gitlab_partitions_dynamic;
CREATE TABLE gitlab_partitions_dynamic.agent_activity_events_000000 PARTITION OF agent_activity_events DEFAULT;
CREATE TRIGGER trigger_dbdd61a66a91 BEFORE INSERT OR UPDATE ON agent_activity_events
  FOR EACH ROW EXECUTE FUNCTION trigger_dbdd61a66a91();
ALTER SEQUENCE agent_activity_events_id_seq OWNED BY agent_activity_events.id;
DROP TABLE agent_activity_events_before;
