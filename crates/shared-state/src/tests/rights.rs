//! Each service works as a Redis user with exactly the documented rights.
use std::time::Duration;

use domain::agents::usage::Report;

use super::processes::Process;
use super::{count, counters, server};
use crate::acl::SERVICES;
use crate::sidekiq::Job;
use crate::{Counters, ServerKind, StoreName};

const LIFETIME: Duration = Duration::from_mins(1);

/// Runs every operation of a service.
async fn operate(user: &str, counters: &Counters) {
    let store = |name| counters.store(name).unwrap();
    assert_eq!(store(StoreName::Queues).check().await.unwrap(), ServerKind::Single);
    let job = Job::new("Worker", Vec::new(), "").envelope(0.0);
    match user {
        "shell_api" => {
            store(StoreName::Queues).enqueue("", &job).await.unwrap();
            counters.increase_references("project-1").await.unwrap();
            counters.decrease_references("project-1").await.unwrap();
            counters.decrease_references("project-1").await.unwrap();
            for key in ["redirect_namespace:1:project-1", "project_created:1:project-1"] {
                counters.set_with_ttl(key, "text", LIFETIME).await.unwrap();
                assert_eq!(
                    counters.get_and_delete(&[key.to_owned()]).await.unwrap(),
                    [Some("text".to_owned())]
                );
            }
            counters.set_with_ttl("session:otp:1", "true", LIFETIME).await.unwrap();
            assert!(counters.exists("session:otp:1").await.unwrap());
            counters.count(&["application_rate_limiter:x:1".to_owned()], LIFETIME).await.unwrap();
        }
        "kas_api" => {
            counters.set_with_ttl("cache:Clusters::AgentToken:1:attributes", "{}", LIFETIME).await.unwrap();
            let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
            let total = domain::agents::usage::COUNTERS[0];
            let set = domain::agents::usage::UNIQUE_SETS[0];
            let mut report = Report::default();
            report.counters.insert(total, i64::MAX);
            report.sets.entry(set).or_default().insert(7);
            let shared_state = store(StoreName::SharedState);
            // The second report overflows the counter, which then stays at the maximum.
            shared_state.record(&report, now).await.unwrap();
            shared_state.record(&report, now).await.unwrap();
            let (totals, sets) = shared_state.usage(now).await.unwrap();
            assert_eq!((totals[total], sets[set]), (i64::MAX, 1));
        }
        "scim_api" => {
            store(StoreName::Queues).enqueue("", &job).await.unwrap();
            counters.sign_out(1).await.unwrap();
        }
        "admin_api" => {
            count(counters, "admin_sign_in:::1").await.unwrap();
            counters.set_with_ttl("internal_api:admin_session_ended:1", "1", LIFETIME).await.unwrap();
            assert!(counters.exists("internal_api:admin_session_ended:1").await.unwrap());
        }
        "billing_api" => {}
        user => panic!("{user} is not tested"),
    }
}

#[tokio::test]
async fn each_service_works_with_exactly_the_documented_rights() {
    let process = Process::server("");
    let page = include_str!("../../../../docs/next-to-gitlab.md");
    for service in SERVICES {
        let command = service.to_command("PASSWORD");
        assert!(page.contains(&command), "docs/next-to-gitlab.md lacks the line\n{command}");
        let words: Vec<&str> = command.split(' ').collect();
        let _: String = process.ask(&words);
        // The session of a user, which scim-api ends.
        let sign_in =
            "redis.call('SELECT', 1) return redis.call('SADD', 'session:lookup:user:gitlab:1', 'abc')";
        let _: i64 = process.ask(&["EVAL", sign_in, "0"]);
        let url = format!("redis://{}:PASSWORD@127.0.0.1:{}/1", service.user, process.port);
        operate(service.user, &counters(&server(&url))).await;
        let refused: Vec<redis::Value> = process.ask(&["ACL", "LOG"]);
        assert!(refused.is_empty(), "{}: {refused:?}", service.user);
    }
    assert_eq!(process.ask::<i64>(&["DBSIZE"]), 0, "the users write to database 1");
}

#[tokio::test]
async fn a_missing_right_or_wrong_password_is_an_error_of_the_server() {
    let process = Process::server("");
    let _: String = process.ask(&["ACL", "SETUSER", "few", "reset", "on", ">p", "+ping", "+multi", "+exec"]);
    let _: String = process.ask(&["ACL", "SETUSER", "fewer", "reset", "on", ">p", "+ping"]);
    for login in ["few:p", "few:wrong"] {
        let url = format!("redis://{login}@127.0.0.1:{}", process.port);
        let error = count(&counters(&server(&url)), "refused").await.unwrap_err();
        assert!(!error.is_fate_unknown() && !error.to_string().contains("wrong"), "{error:?}");
    }
    for (login, is_enough) in [("few:p", true), ("fewer:p", false), ("few:wrong", false)] {
        let url = format!("redis://{login}@127.0.0.1:{}", process.port);
        let checked = counters(&server(&url)).store(StoreName::Queues).unwrap().check().await;
        assert_eq!(checked.is_ok(), is_enough, "{login}: {checked:?}");
    }
}
