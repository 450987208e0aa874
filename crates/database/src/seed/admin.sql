-- Namespaces without a limit of storage: the rows of the demo behind the examples of admin-api. As in `demo.sql`.

INSERT INTO namespaces_storage_limit_exclusions (id, namespace_id, reason, created_at, updated_at) VALUES
  (1, 1234, 'a reason to exclude the Namespace', :now, :now),
  (2, 4321, 'another reason to exclude the Namespace', :now, :now);
