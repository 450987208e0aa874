-- What was sold: the rows of the demo behind the examples of subscriptions and reconciliations. As in `demo.sql`.

-- group 1235: root and 81 others take 82 seats of 80
INSERT INTO users (id, username, name, email, encrypted_password, admin, state, user_type, projects_limit, confirmed_at, created_at, updated_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 81)
SELECT 1000 + i, 'seat' || i, 'Seat ' || i, 'seat' || i || '@example.com', '', false, 'active', 0, 0, :now, :now, :now FROM n;
INSERT INTO user_details (user_id) SELECT id FROM users WHERE id > 1000;
INSERT INTO organization_users (organization_id, user_id, created_at, updated_at, access_level)
SELECT 1, id, :now, :now, 10 FROM users WHERE id > 1000;
INSERT INTO members (access_level, source_id, source_type, user_id, notification_level, type, member_namespace_id, created_at, updated_at)
SELECT 30, 1235, 'Namespace', id, 3, 'GroupMember', 1235, :now, :now FROM users WHERE id > 1000;
INSERT INTO gitlab_subscriptions (namespace_id, hosted_plan_id, start_date, end_date, seats, seats_in_use, max_seats_used, seats_owed, trial, created_at, updated_at, last_seat_refresh_at)
SELECT 1235, id, '2020-07-15', '2021-07-15', 80, 82, 82, 2, false, :now, :now, :now FROM plans WHERE name = 'premium';

INSERT INTO upcoming_reconciliations (namespace_id, next_reconciliation_date, display_alert_from, organization_id, created_at, updated_at)
VALUES (22, '2021-06-14', '2021-06-07', 1, :now, :now);
