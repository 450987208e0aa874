-- What CustomersDot keeps of purchases, column by column as in a GitLab 18.0 database.

CREATE TABLE namespace_root_storage_statistics (
  namespace_id bigint PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  updated_at timestamptz NOT NULL,
  repository_size bigint NOT NULL DEFAULT 0,
  lfs_objects_size bigint NOT NULL DEFAULT 0,
  storage_size bigint NOT NULL DEFAULT 0
);

CREATE TABLE namespace_limits (
  namespace_id bigint PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  additional_purchased_storage_size bigint NOT NULL DEFAULT 0,
  additional_purchased_storage_ends_on date,
  pre_enforcement_notification_at timestamptz,
  first_enforced_at timestamptz,
  last_enforced_at timestamptz,
  last_seat_all_used_seats_notification_at timestamptz,
  max_number_of_vulnerabilities_per_project integer
);

CREATE TABLE gitlab_subscriptions (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  start_date date,
  end_date date,
  trial_ends_on date,
  namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  hosted_plan_id bigint REFERENCES plans (id) ON DELETE CASCADE,
  max_seats_used integer DEFAULT 0,
  seats integer DEFAULT 0,
  trial boolean DEFAULT false,
  trial_starts_on date,
  auto_renew boolean,
  seats_in_use integer NOT NULL DEFAULT 0,
  seats_owed integer NOT NULL DEFAULT 0,
  trial_extension_type smallint,
  max_seats_used_changed_at timestamptz,
  last_seat_refresh_at timestamptz
);
CREATE UNIQUE INDEX gitlab_subscriptions_namespace_id_key ON gitlab_subscriptions (namespace_id);
CREATE INDEX gitlab_subscriptions_end_date_namespace_id_idx ON gitlab_subscriptions (end_date, namespace_id);
CREATE INDEX gitlab_subscriptions_hosted_plan_id_idx ON gitlab_subscriptions (hosted_plan_id);

CREATE TABLE gitlab_subscription_histories (
  id bigserial PRIMARY KEY,
  gitlab_subscription_created_at timestamptz,
  gitlab_subscription_updated_at timestamptz,
  start_date date,
  end_date date,
  trial_ends_on date,
  namespace_id bigint NOT NULL,
  hosted_plan_id bigint,
  max_seats_used integer,
  seats integer,
  trial boolean,
  change_type smallint,
  gitlab_subscription_id bigint NOT NULL,
  created_at timestamptz,
  trial_starts_on date,
  auto_renew boolean,
  trial_extension_type smallint,
  seats_in_use integer
);
CREATE INDEX gitlab_subscription_histories_gitlab_subscription_id_idx ON gitlab_subscription_histories (gitlab_subscription_id);
CREATE INDEX gitlab_subscription_histories_namespace_id_change_type_hosted_plan_id_idx ON gitlab_subscription_histories (namespace_id, change_type, hosted_plan_id);

CREATE TABLE ci_minutes_additional_packs (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  namespace_id bigint NOT NULL,
  expires_at date,
  number_of_minutes integer NOT NULL,
  purchase_xid text CHECK (char_length(purchase_xid) <= 50)
);
CREATE INDEX ci_minutes_additional_packs_namespace_id_purchase_xid_idx ON ci_minutes_additional_packs (namespace_id, purchase_xid);

CREATE TABLE upcoming_reconciliations (
  id bigserial PRIMARY KEY,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  next_reconciliation_date date NOT NULL,
  display_alert_from date NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX upcoming_reconciliations_namespace_id_key ON upcoming_reconciliations (namespace_id);
CREATE INDEX upcoming_reconciliations_organization_id_idx ON upcoming_reconciliations (organization_id);

CREATE TABLE subscription_add_ons (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  name smallint NOT NULL,
  description text NOT NULL CHECK (char_length(description) <= 512)
);
CREATE UNIQUE INDEX subscription_add_ons_name_key ON subscription_add_ons (name);

CREATE TABLE subscription_add_on_purchases (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  subscription_add_on_id bigint NOT NULL REFERENCES subscription_add_ons (id) ON DELETE CASCADE,
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  quantity integer NOT NULL,
  expires_on date NOT NULL,
  purchase_xid text NOT NULL CHECK (char_length(purchase_xid) <= 255),
  last_assigned_users_refreshed_at timestamptz,
  trial boolean NOT NULL DEFAULT false,
  started_at date,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX add_on_purchases_add_on_id_namespace_id_key ON subscription_add_on_purchases (subscription_add_on_id, namespace_id) WHERE namespace_id IS NOT NULL;
CREATE UNIQUE INDEX add_on_purchases_add_on_id_key ON subscription_add_on_purchases (subscription_add_on_id) WHERE namespace_id IS NULL;
CREATE INDEX subscription_add_on_purchases_expires_on_idx ON subscription_add_on_purchases (expires_on);

CREATE TABLE user_credit_card_validations (
  user_id bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  credit_card_validated_at timestamptz NOT NULL,
  last_digits_hash text CHECK (char_length(last_digits_hash) <= 44),
  holder_name_hash text CHECK (char_length(holder_name_hash) <= 44),
  expiration_date_hash text CHECK (char_length(expiration_date_hash) <= 44),
  network_hash text CHECK (char_length(network_hash) <= 44),
  zuora_payment_method_xid text CHECK (char_length(zuora_payment_method_xid) <= 50),
  stripe_setup_intent_xid text CHECK (char_length(stripe_setup_intent_xid) <= 255),
  stripe_payment_method_xid text CHECK (char_length(stripe_payment_method_xid) <= 255),
  stripe_card_fingerprint text CHECK (char_length(stripe_card_fingerprint) <= 255)
);
