//! Compares the files for Docker Compose with the images, the ports, the options and the load balancer.
use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use testkit::binary;

use crate::rendered::{documents, list, text};
use crate::services::{SERVICES, Service, built, read, version};

/// The file for one machine.
fn compose() -> Value {
    load("deploy/compose.yaml")
}

/// A file with its merge keys (`<<`) resolved.
fn load(path: &str) -> Value {
    let mut document = documents(&read(path)).remove(0);
    merge(&mut document);
    document
}

fn merge(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(mut base)) = fields.remove("<<") {
                base.append(fields);
                *fields = base;
                return merge(value);
            }
            fields.values_mut().for_each(merge);
        }
        Value::Array(items) => items.iter_mut().for_each(merge),
        _ => {}
    }
}

#[test]
fn each_service_listens_where_the_balancer_looks_for_it() {
    let compose = compose();
    let balancer = &compose["services"]["haproxy"]["environment"];
    for Service { name, port, monitoring, .. } in &SERVICES {
        let environment = &compose["services"][name]["environment"];
        assert_eq!(environment["IAPI_LISTEN"], format!("0.0.0.0:{port}"));
        assert_eq!(environment["IAPI_MONITORING_LISTEN"], format!("0.0.0.0:{monitoring}"));
        let variable = name.to_uppercase().replace('-', "_") + "_ADDRESS";
        assert_eq!(balancer[&variable], format!("{name}:{port}"));
        let default = format!("\"${{{variable}-127.0.0.1:{port}}}\" port \"${{CHECK_PORT-{monitoring}}}\"");
        assert!(read("deploy/haproxy/haproxy.cfg").contains(&default), "{default}");
    }
    let ports = json!(["127.0.0.1:8080:8080", "127.0.0.1:8090:8090", "127.0.0.1:9080:9080"]);
    assert_eq!(compose["services"]["haproxy"]["ports"], ports);
    let published =
        compose["services"].as_object().unwrap().iter().filter(|(_, service)| service["ports"].is_array());
    assert_eq!(published.count(), 1, "the balancer alone is reached from this machine");
}

#[test]
fn images_are_those_of_the_dockerfile_and_nothing_is_latest() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let image = text(&service["image"]);
        let (image, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name} has no tag"));
        assert_ne!(tag, "latest", "{name}");
        if service["build"].is_null() {
            assert!(image.contains('.'), "{name}");
            continue;
        }
        assert_eq!(tag, version(), "{name}");
        let build =
            json!({ "context": "..", "dockerfile": "deploy/Dockerfile", "args": { "SERVICE": image } });
        assert_eq!(service["build"], build);
        assert!(read("deploy/Dockerfile").contains(&format!("FROM runtime AS {image}\n")));
        for (key, value) in [
            ("read_only", json!(true)),
            ("cap_drop", json!(["ALL"])),
            ("security_opt", json!(["no-new-privileges:true"])),
            ("user", json!("${IAPI_UID:-1000}:${IAPI_GID:-1000}")),
        ] {
            assert_eq!(service[key], value, "{name}");
        }
    }
    for Service { name, .. } in &SERVICES {
        assert_eq!(compose["services"][name]["image"], format!("{name}:{}", version()));
        assert_eq!(compose["services"][name]["stop_grace_period"], "75s");
    }
}

#[test]
fn every_mounted_secret_is_created_and_read() {
    let compose = compose();
    let made = [
        "postgres_password",
        "database_url",
        ".gitlab_shell_secret",
        ".gitlab_kas_secret",
        ".gitlab_db_key_base",
    ];
    for (name, secret) in compose["secrets"].as_object().unwrap() {
        let file = text(&secret["file"]).strip_prefix("../.data/compose/").unwrap();
        assert!(made.contains(&file), "no service creates {file}");
        assert_eq!(file.trim_start_matches('.'), name);
    }
    for Service { name, secrets, .. } in &SERVICES {
        let service = &compose["services"][name];
        let given: BTreeSet<&str> = list(&service["secrets"]).iter().map(text).collect();
        let files = service["environment"].as_object().unwrap().values().filter_map(Value::as_str);
        let read: BTreeSet<&str> = files.filter_map(|value| value.strip_prefix("/run/secrets/")).collect();
        assert_eq!(given, read, "{name}");
        // As in Kubernetes, except that Redis has no password here.
        assert_eq!(given.len(), secrets.len() + 2, "{name}");
    }
}

#[test]
fn every_variable_is_a_flag_and_every_command_is_known() {
    let compose = compose();
    for Service { name, .. } in built() {
        let help = Command::new(binary(name)).arg("--help").env_clear().output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        for key in compose["services"][name]["environment"].as_object().unwrap().keys() {
            let known =
                [format!("[env: {key}=]"), format!("[env: {key}]")].iter().any(|text| help.contains(text));
            assert!(key.starts_with("OTEL_") || known, "{name} has no {key}");
        }
    }
    for name in ["secrets", "migrate", "maintain"] {
        let command: Vec<&str> = list(&compose["services"][name]["command"]).iter().map(text).collect();
        let words: Vec<&str> = command.iter().take_while(|word| !word.starts_with("--")).copied().collect();
        let help = Command::new(binary("internal-apictl")).args(words).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in command.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} <")), "{name}: {flag}");
        }
    }
}

/// Next to a GitLab: no database, no Redis, and each service has its own secrets only.
#[test]
fn next_to_a_gitlab_there_are_services_and_the_load_balancer_only() {
    let compose = load("deploy/compose.gitlab.yaml");
    let services = compose["services"].as_object().unwrap();
    let names: BTreeSet<&str> = services.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = SERVICES.iter().map(|service| service.name).chain(["haproxy"]).collect();
    assert_eq!(names, expected);
    let alone = self::compose();
    for Service { name, port, monitoring, secrets, .. } in &SERVICES {
        let service = &services[*name];
        let environment = &service["environment"];
        assert_eq!(environment["IAPI_LISTEN"], format!("0.0.0.0:{port}"));
        assert_eq!(environment["IAPI_MONITORING_LISTEN"], format!("0.0.0.0:{monitoring}"));
        assert_eq!(
            services["haproxy"]["environment"][crate::balancer::variable(name, "ADDRESS")],
            format!("{name}:{port}")
        );
        for key in ["image", "build", "user", "read_only", "cap_drop", "security_opt", "stop_grace_period"] {
            assert_eq!(service[key], alone["services"][name][key], "{name}: {key}");
        }
        let given: BTreeSet<&str> = list(&service["secrets"]).iter().map(text).collect();
        let values = environment.as_object().unwrap().values().filter_map(Value::as_str);
        let read: BTreeSet<&str> = values.filter_map(|value| value.strip_prefix("/run/secrets/")).collect();
        assert_eq!(given, read, "{name}");
        assert_eq!(given.len(), secrets.len() + 3, "{name}");
        for secret in given {
            assert!(secret.starts_with(name) || secret.starts_with("gitlab_"), "{name}: {secret}");
            assert!(compose["secrets"][secret]["file"].is_string(), "{secret}");
        }
    }
}
