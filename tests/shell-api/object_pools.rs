//! `/gitaly/object_pool_members`.
use super::{Shell, shell_api};
use serde_json::{Value, json};
use testkit::Database;
use testkit::fixture::{self, E, I, P, Q};

const POOL: &str = "@pools/6b/86/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";

/// Q is the source project of pool 1, and P and I are its forks. The source project of pool 2 is deleted.
async fn with_pools(database: Database) -> Shell {
    let conn = &mut database.open();
    fixture::run(
        conn,
        &format!(
            "INSERT INTO shards (id, name) VALUES (2, 'other');
        INSERT INTO pool_repositories (id, shard_id, disk_path, state, source_project_id) VALUES
          (1, 1, '{POOL}', 'ready', {Q}), (2, 1, '@pools/2', 'ready', NULL), (3, 2, '@pools/3', 'ready', \
              NULL);
        UPDATE projects SET pool_repository_id = 1 WHERE id IN ({P}, {Q}, {I});
        UPDATE projects SET pool_repository_id = 2 WHERE id = {E};
        INSERT INTO project_repositories (shard_id, disk_path, project_id) VALUES (1, 'elsewhere', {I});
        UPDATE projects SET storage_version = NULL WHERE id = {E}"
        ),
    );
    shell_api(database).await
}

fn member(disk_path: &str, public: bool, is_upstream: bool) -> Value {
    json!({ "relative_path": format!("{disk_path}.git"), "public": public, "is_upstream": is_upstream })
}

#[testkit::test]
async fn members_of_a_pool_are_listed(database: Database) {
    let shell = with_pools(database).await;
    let hashed = |id: i64| domain::hashed_path("@hashed", id);
    let upstream = member(&hashed(Q), true, true);
    // The stale path of I in `project_repositories` does not count.
    let all = json!([upstream, member(&hashed(P), false, false), member(&hashed(I), false, false)]);
    let ask = async |query: &str| shell.get(&format!("/gitaly/object_pool_members?{query}")).await;
    assert_eq!(ask(&format!("disk_paths[]={POOL}&storage=default")).await, (200, json!({ POOL: all })));
    let two = format!("disk_paths[]={POOL}&disk_paths[]=@pools/2&disk_paths[]=@pools/9&storage=default");
    let expected = json!({ POOL: all, "@pools/2": [member("grp/empty", false, false)], "@pools/9": [] });
    assert_eq!(ask(&two).await, (200, expected));
    let expected = json!({ POOL: [upstream], "@pools/2": [], "@pools/9": [] });
    assert_eq!(ask(&format!("{two}&upstream_only=true")).await, (200, expected));
    assert_eq!(ask(&format!("disk_paths={POOL}&storage=other")).await, (200, json!({ POOL: [] })));
    let body = json!({ "disk_paths": [POOL], "storage": "default", "upstream_only": false });
    let by_json = shell.request("GET", "/gitaly/object_pool_members").json(&body).answer().await;
    assert_eq!(by_json, (200, json!({ POOL: all })));
}

#[testkit::test]
async fn five_hundred_pools_are_enough(database: Database) {
    let shell = with_pools(database).await;
    let ask =
        async |body: Value| shell.request("GET", "/gitaly/object_pool_members").json(&body).answer().await;
    let paths = |count: usize| (0..count).map(|n| format!("@pools/{n}")).collect::<Vec<_>>();
    let (status, answer) = ask(json!({ "disk_paths": paths(500), "storage": "default" })).await;
    assert_eq!((status, answer.as_object().unwrap().len()), (200, 500));
    let refused =
        |reason: &str| (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }));
    for (body, reason) in [
        (
            json!({ "disk_paths": paths(501), "storage": "default" }),
            "disk_paths must contain at most 500 items",
        ),
        (json!({ "disk_paths": [], "storage": "default" }), "disk_paths is missing"),
        (json!({ "storage": "default" }), "disk_paths is missing"),
        (json!({ "disk_paths": ["a"] }), "storage is missing"),
        (json!({ "disk_paths": [["a"]], "storage": "default" }), "disk_paths is invalid"),
        (
            json!({ "disk_paths": ["a"], "storage": "default", "upstream_only": "maybe" }),
            "upstream_only is invalid",
        ),
    ] {
        assert_eq!(ask(body).await, refused(reason), "{reason}");
    }
}
