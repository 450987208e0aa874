-- Namespaces without a limit of storage, column by column as in a GitLab 18.0 database.

CREATE TABLE namespaces_storage_limit_exclusions (
  id bigserial PRIMARY KEY,
  namespace_id bigint NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
  reason text NOT NULL CHECK (char_length(reason) <= 255),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX namespaces_storage_limit_exclusions_namespace_id_idx ON namespaces_storage_limit_exclusions (namespace_id);
