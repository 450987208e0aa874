-- The numbers that plans have since GitLab 18.6, and by which subscriptions name their plan since 18.7: later releases
-- read these, no longer the ids.
ALTER TABLE plans ADD COLUMN plan_name_uid smallint;
CREATE UNIQUE INDEX plans_plan_name_uid_key ON plans (plan_name_uid);
ALTER TABLE gitlab_subscriptions ADD COLUMN hosted_plan_name_uid smallint;
ALTER TABLE gitlab_subscription_histories ADD COLUMN hosted_plan_name_uid smallint;

UPDATE plans SET plan_name_uid = CASE name
  WHEN 'default' THEN 1
  WHEN 'free' THEN 2
  WHEN 'bronze' THEN 3
  WHEN 'silver' THEN 4
  WHEN 'premium' THEN 5
  WHEN 'gold' THEN 6
  WHEN 'ultimate' THEN 7
  WHEN 'ultimate_trial' THEN 8
  WHEN 'premium_trial' THEN 9
  WHEN 'ultimate_trial_paid_customer' THEN 10
  WHEN 'opensource' THEN 11
  WHEN 'early_adopter' THEN 12
END;
UPDATE gitlab_subscriptions SET hosted_plan_name_uid = (SELECT plan_name_uid FROM plans WHERE plans.id = hosted_plan_id);
UPDATE gitlab_subscription_histories SET hosted_plan_name_uid = (SELECT plan_name_uid FROM plans WHERE plans.id = hosted_plan_id);
