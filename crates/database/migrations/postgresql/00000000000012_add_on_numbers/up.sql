-- The number by which a purchase names its add-on since GitLab 18.9: later releases read it, no longer the id.
ALTER TABLE subscription_add_on_purchases ADD COLUMN subscription_add_on_uid smallint;
UPDATE subscription_add_on_purchases SET subscription_add_on_uid =
  (SELECT name FROM subscription_add_ons WHERE subscription_add_ons.id = subscription_add_on_id);
