DROP TABLE kas_events;
DROP TABLE kas_unique_counters;
DROP TABLE kas_counters;
