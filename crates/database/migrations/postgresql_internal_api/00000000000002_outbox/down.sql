-- The schema stays: it also holds the record of the migrations.
DROP TABLE outbox_messages;
