-- Our own tables: the migrating connection has set its search_path to the schema internal_api.

CREATE TABLE outbox_messages (
  id bigserial PRIMARY KEY,
  topic text NOT NULL,
  payload text NOT NULL,
  correlation_id text,
  created_at timestamp NOT NULL
);
CREATE INDEX outbox_messages_topic_id_idx ON outbox_messages (topic, id);
