//! Jobs: migrations and maintenance.
use serde_json::json;

use crate::rendered::{Rendered, overlays, text};
use crate::services::version;

/// The command line and image of the only container.
fn command(template: &serde_json::Value) -> (&serde_json::Value, &str) {
    let container = &template["spec"]["containers"][0];
    (&container["args"], text(&container["image"]))
}

fn arguments(command: &str) -> serde_json::Value {
    let url = format!("/etc/internal-api/secrets/{command}-database/url");
    json!([command, "--data-dir", "/tmp/data", "--database-url-file", url])
}

fn migration(overlay: &Rendered) -> Option<&serde_json::Value> {
    overlay.of_kind("Job").next()
}

#[test]
fn a_release_migrates_its_database_once() {
    for overlay in overlays() {
        // SQLite migrates at start. Next to a GitLab the Job changes the schema internal_api only.
        if overlay.name == "dev" {
            assert!(migration(overlay).is_none(), "{}", overlay.name);
            continue;
        }
        let job = migration(overlay).unwrap();
        assert_eq!(overlay.of_kind("Job").count(), 1);
        assert_eq!(
            job["metadata"]["name"],
            format!("migrate-{}", version().replace('.', "-")),
            "a Job cannot be changed"
        );
        let spec = &job["spec"];
        assert_eq!(spec["backoffLimit"], 3);
        assert_eq!(spec["activeDeadlineSeconds"], 600);
        assert!(spec["ttlSecondsAfterFinished"].is_null(), "a deleted Job would run again");
        assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never");
        let (args, image) = command(&spec["template"]);
        assert_eq!(*args, arguments("migrate"));
        assert!(image.contains("internal-apictl:"), "{image}");
    }
}

#[test]
fn maintenance_runs_each_hour_and_not_twice_at_once() {
    for overlay in overlays() {
        let spec = &overlay.get("CronJob", "maintain")["spec"];
        let schedule: Vec<_> = text(&spec["schedule"]).split(' ').collect();
        assert!(
            matches!(schedule[..], [minute, "*", "*", "*", "*"] if minute.parse::<u8>().is_ok()),
            "{schedule:?}"
        );
        assert_eq!(spec["concurrencyPolicy"], "Forbid");
        let job = &spec["jobTemplate"]["spec"];
        assert_eq!(job["backoffLimit"], 1);
        assert_eq!(job["template"]["spec"]["restartPolicy"], "Never");
        let (args, image) = command(&job["template"]);
        assert_eq!(*args, arguments("maintain"));
        assert!(image.contains("internal-apictl:"), "{image}");
    }
}
