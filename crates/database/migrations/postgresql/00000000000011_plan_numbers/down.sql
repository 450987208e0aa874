ALTER TABLE gitlab_subscription_histories DROP COLUMN hosted_plan_name_uid;
ALTER TABLE gitlab_subscriptions DROP COLUMN hosted_plan_name_uid;
DROP INDEX plans_plan_name_uid_key;
ALTER TABLE plans DROP COLUMN plan_name_uid;
