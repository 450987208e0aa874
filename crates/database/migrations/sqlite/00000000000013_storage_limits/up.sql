-- Namespaces without a limit of storage, column by column as in a GitLab 18.0 database.

CREATE TABLE namespaces_storage_limit_exclusions (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  reason TEXT NOT NULL CHECK (length(reason) <= 255),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX namespaces_storage_limit_exclusions_namespace_id_idx ON namespaces_storage_limit_exclusions (namespace_id);
