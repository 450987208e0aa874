CREATE TABLE outbox_messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  topic TEXT NOT NULL,
  payload TEXT NOT NULL,
  correlation_id TEXT,
  created_at TEXT NOT NULL
);
CREATE INDEX outbox_messages_topic_id_idx ON outbox_messages (topic, id);
