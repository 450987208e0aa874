-- What CustomersDot keeps of purchases, column by column as in a GitLab 18.0 database.

CREATE TABLE namespace_root_storage_statistics (
  namespace_id INTEGER NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  updated_at TEXT NOT NULL,
  repository_size INTEGER NOT NULL DEFAULT 0,
  lfs_objects_size INTEGER NOT NULL DEFAULT 0,
  storage_size INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE namespace_limits (
  namespace_id INTEGER NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  additional_purchased_storage_size INTEGER NOT NULL DEFAULT 0,
  additional_purchased_storage_ends_on TEXT,
  pre_enforcement_notification_at TEXT,
  first_enforced_at TEXT,
  last_enforced_at TEXT,
  last_seat_all_used_seats_notification_at TEXT,
  max_number_of_vulnerabilities_per_project INTEGER
);

CREATE TABLE gitlab_subscriptions (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  start_date TEXT,
  end_date TEXT,
  trial_ends_on TEXT,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  hosted_plan_id INTEGER REFERENCES plans (id) ON DELETE CASCADE,
  max_seats_used INTEGER DEFAULT 0,
  seats INTEGER DEFAULT 0,
  trial INTEGER DEFAULT 0,
  trial_starts_on TEXT,
  auto_renew INTEGER,
  seats_in_use INTEGER NOT NULL DEFAULT 0,
  seats_owed INTEGER NOT NULL DEFAULT 0,
  trial_extension_type INTEGER,
  max_seats_used_changed_at TEXT,
  last_seat_refresh_at TEXT
);
CREATE UNIQUE INDEX gitlab_subscriptions_namespace_id_key ON gitlab_subscriptions (namespace_id);
CREATE INDEX gitlab_subscriptions_end_date_namespace_id_idx ON gitlab_subscriptions (end_date, namespace_id);
CREATE INDEX gitlab_subscriptions_hosted_plan_id_idx ON gitlab_subscriptions (hosted_plan_id);

CREATE TABLE gitlab_subscription_histories (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  gitlab_subscription_created_at TEXT,
  gitlab_subscription_updated_at TEXT,
  start_date TEXT,
  end_date TEXT,
  trial_ends_on TEXT,
  namespace_id INTEGER NOT NULL,
  hosted_plan_id INTEGER,
  max_seats_used INTEGER,
  seats INTEGER,
  trial INTEGER,
  change_type INTEGER,
  gitlab_subscription_id INTEGER NOT NULL,
  created_at TEXT,
  trial_starts_on TEXT,
  auto_renew INTEGER,
  trial_extension_type INTEGER,
  seats_in_use INTEGER
);
CREATE INDEX gitlab_subscription_histories_gitlab_subscription_id_idx ON gitlab_subscription_histories (gitlab_subscription_id);
CREATE INDEX gitlab_subscription_histories_namespace_id_change_type_hosted_plan_id_idx ON gitlab_subscription_histories (namespace_id, change_type, hosted_plan_id);

CREATE TABLE ci_minutes_additional_packs (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  namespace_id INTEGER NOT NULL,
  expires_at TEXT,
  number_of_minutes INTEGER NOT NULL,
  purchase_xid TEXT CHECK (length(purchase_xid) <= 50)
);
CREATE INDEX ci_minutes_additional_packs_namespace_id_purchase_xid_idx ON ci_minutes_additional_packs (namespace_id, purchase_xid);

CREATE TABLE upcoming_reconciliations (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  next_reconciliation_date TEXT NOT NULL,
  display_alert_from TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX upcoming_reconciliations_namespace_id_key ON upcoming_reconciliations (namespace_id);
CREATE INDEX upcoming_reconciliations_organization_id_idx ON upcoming_reconciliations (organization_id);

CREATE TABLE subscription_add_ons (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  name INTEGER NOT NULL,
  description TEXT NOT NULL CHECK (length(description) <= 512)
);
CREATE UNIQUE INDEX subscription_add_ons_name_key ON subscription_add_ons (name);

CREATE TABLE subscription_add_on_purchases (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  subscription_add_on_id INTEGER NOT NULL REFERENCES subscription_add_ons (id) ON DELETE CASCADE,
  namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
  quantity INTEGER NOT NULL,
  expires_on TEXT NOT NULL,
  purchase_xid TEXT NOT NULL CHECK (length(purchase_xid) <= 255),
  last_assigned_users_refreshed_at TEXT,
  trial INTEGER NOT NULL DEFAULT 0,
  started_at TEXT,
  organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX add_on_purchases_add_on_id_namespace_id_key ON subscription_add_on_purchases (subscription_add_on_id, namespace_id) WHERE namespace_id IS NOT NULL;
CREATE UNIQUE INDEX add_on_purchases_add_on_id_key ON subscription_add_on_purchases (subscription_add_on_id) WHERE namespace_id IS NULL;
CREATE INDEX subscription_add_on_purchases_expires_on_idx ON subscription_add_on_purchases (expires_on);

CREATE TABLE user_credit_card_validations (
  user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  credit_card_validated_at TEXT NOT NULL,
  last_digits_hash TEXT CHECK (length(last_digits_hash) <= 44),
  holder_name_hash TEXT CHECK (length(holder_name_hash) <= 44),
  expiration_date_hash TEXT CHECK (length(expiration_date_hash) <= 44),
  network_hash TEXT CHECK (length(network_hash) <= 44),
  zuora_payment_method_xid TEXT CHECK (length(zuora_payment_method_xid) <= 50),
  stripe_setup_intent_xid TEXT CHECK (length(stripe_setup_intent_xid) <= 255),
  stripe_payment_method_xid TEXT CHECK (length(stripe_payment_method_xid) <= 255),
  stripe_card_fingerprint TEXT CHECK (length(stripe_card_fingerprint) <= 255)
);
