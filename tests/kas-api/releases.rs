//! kas-api on the GitLab releases, with its own role.
use super::kas_api;
use super::support::NOTHING;
use super::vulnerabilities::{page, put};
use serde_json::json;
use testkit::{Database, Release};

#[actix_web::test]
async fn agents_report_on_each_release() {
    for release in Release::ALL {
        let kas = kas_api(Database::release(release)).await;
        assert_eq!(kas.get("/agent_info").await.0, 200, "{release:?}");
        let alert = json!({ "alert": { "title": "x", "evalMatches": [] } });
        let request = kas.agent("POST", "/modules/cilium_alert").json(&alert);
        assert_eq!(request.answer().await, NOTHING, "{release:?}");
        assert_eq!(put(&kas, &page()).await.0, 200, "{release:?}");
        assert_eq!(kas.number("SELECT count(*) FROM agent_activity_events"), 1, "{release:?}");
        assert_eq!(kas.number("SELECT count(*) FROM vulnerability_reads"), 1, "{release:?}");
    }
}
