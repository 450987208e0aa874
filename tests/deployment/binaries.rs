//! Compares the manifests with the programs: flags, secrets, ports, probes, shutdown.
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Process, binary};

use crate::rendered::{Rendered, list, overlay, overlays, text};
use crate::services::{Service, built};

/// The files of a pod, below a directory of the test: the same configuration, the same secrets.
#[derive(Debug)]
pub struct Setup {
    pub directory: TempDir,
    name: &'static str,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// As in the overlay `production`.
    pub fn new(name: &'static str) -> Self {
        Self::from_rendering(name, overlay("production"))
    }

    pub fn from_rendering(name: &'static str, overlay: &Rendered) -> Self {
        let directory = TempDir::new().unwrap();
        let at = |path: &str| directory.path().join(path.trim_start_matches('/'));
        let pod = &overlay.get("Deployment", name)["spec"]["template"]["spec"];
        let mount = |volume: &Value| {
            let mounts = list(&pod["containers"][0]["volumeMounts"]);
            text(&mounts.iter().find(|mount| mount["name"] == volume["name"]).unwrap()["mountPath"])
        };
        let place = |text: &str| {
            let (tmp, etc) = (at("/tmp").display().to_string(), at("/etc").display().to_string());
            text.replace("/tmp/", &format!("{tmp}/")).replace("/etc/", &format!("{etc}/"))
        };
        for volume in list(&pod["volumes"]) {
            let path = at(mount(volume));
            std::fs::create_dir_all(&path).unwrap();
            let map = text(&volume["configMap"]["name"]);
            for (key, value) in
                overlay.find("ConfigMap", map).and_then(|map| map["data"].as_object()).into_iter().flatten()
            {
                std::fs::write(path.join(key), place(text(value))).unwrap();
            }
            let database = format!("sqlite://{}", at("/tmp/database.sqlite3").display());
            for (key, value) in match text(&volume["secret"]["secretName"]) {
                "gitlab-shell-secret" => vec![("secret", "5ec3e7".repeat(6))],
                "gitlab-kas-secret" => vec![("kas_shared_secret", format!("{}=", "A".repeat(43)))],
                "gitlab-db-key-base" => vec![("db_key_base", "0123456789abcdef".repeat(8))],
                secret if secret.ends_with("-database") => vec![("url", database)],
                secret if secret.ends_with("-redis") => vec![("url", "redis://127.0.0.1:1".to_owned())],
                "" => vec![],
                other => panic!("unknown Secret {other}"),
            } {
                std::fs::write(path.join(key), value).unwrap();
            }
        }
        let settings = text(&pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]);
        let settings = overlay.find("ConfigMap", settings).and_then(|map| map["data"].as_object());
        let environment =
            settings.into_iter().flatten().map(|(key, value)| (key.clone(), place(text(value))));
        // The test has no collector.
        let environment = environment.filter(|(key, _)| !key.starts_with("OTEL_")).collect();
        Self { directory, name, environment }
    }

    fn arguments(&self) -> [String; 2] {
        ["--config".to_owned(), self.path("etc/internal-api/config/config.yaml")]
    }

    fn path(&self, path: &str) -> String {
        self.directory.path().join(path).to_str().unwrap().to_owned()
    }

    /// The path of a secret file.
    pub fn secret(&self, file: &str) -> String {
        self.path("etc/internal-api/secrets/") + file
    }

    /// Appends lines to the configuration file.
    pub fn configure(&self, lines: &str) {
        let [_, path] = self.arguments();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n{lines}")).unwrap();
    }

    /// The exit status and output of `check-config`.
    fn check(&self) -> (Option<i32>, String) {
        self.check_with(&[])
    }

    /// Runs `check-config` with further arguments.
    pub fn check_with(&self, further: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(binary(self.name));
        command.arg("check-config").args(self.arguments()).args(further).env_clear();
        command.envs(self.environment.iter().cloned());
        let output = command.output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), printed)
    }

    pub fn start(&self) -> Process {
        self.launch(&[]).until_ready()
    }

    /// Starts the program with further variables, without waiting until it is ready.
    pub fn launch(&self, variables: &[(&str, &str)]) -> Process {
        self.launch_after("true", variables)
    }

    /// Starts the program after a shell has run a command, and waits until it is ready.
    pub fn start_after(&self, prelude: &str) -> Process {
        self.launch_after(prelude, &[]).until_ready()
    }

    fn launch_after(&self, prelude: &str, variables: &[(&str, &str)]) -> Process {
        let (arguments, environment) = (self.arguments(), self.environment.iter());
        let environment = environment.map(|(key, value)| (key.as_str(), value.as_str()));
        let environment: Vec<_> = environment.chain(variables.iter().copied()).collect();
        let arguments = arguments.each_ref().map(String::as_str);
        Process::start_after(prelude, self.name, &arguments, &environment)
    }
}

/// The output of `--help`.
fn help(program: &str) -> String {
    String::from_utf8(Command::new(binary(program)).arg("--help").env_clear().output().unwrap().stdout)
        .unwrap()
}

/// The default of a flag, in whole seconds.
fn seconds(help: &str, flag: &str) -> u64 {
    let (_, after) = help.split_once(&format!("--{flag} <")).unwrap_or_else(|| panic!("no flag --{flag}"));
    let (_, default) = after.split_once("[default: ").unwrap();
    default.split_once("s]").unwrap().0.parse().unwrap()
}

#[test]
fn the_program_takes_the_configuration_of_the_manifests() {
    for Service { name, port, monitoring, .. } in built() {
        let (code, printed) = Setup::new(name).check();
        assert_eq!(code, Some(0), "{name}: {printed}");
        for line in [format!("0.0.0.0:{port}"), format!("0.0.0.0:{monitoring}")] {
            assert!(printed.contains(&line), "{name} does not say {line}: {printed}");
        }
    }
}

#[test]
fn every_secret_that_is_mounted_is_read() {
    for Service { name, secrets, .. } in built() {
        let (database, redis) = (format!("{name}-database/url"), format!("{name}-redis/url"));
        let common = ["gitlab-db-key-base/db_key_base", &database, &redis];
        for file in secrets.iter().copied().chain(common) {
            let setup = Setup::new(name);
            let path = setup.secret(file);
            std::fs::remove_file(Path::new(&path)).unwrap();
            let (code, printed) = setup.check();
            assert_eq!(code, Some(78), "{name} starts without {file}: {printed}");
        }
    }
}

#[test]
fn every_setting_in_the_environment_is_a_flag() {
    for overlay in overlays() {
        for Service { name, .. } in built() {
            let help = help(name);
            let pod = &overlay.get("Deployment", name)["spec"]["template"]["spec"];
            let settings = text(&pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]);
            for key in overlay.get("ConfigMap", settings)["data"].as_object().unwrap().keys() {
                assert!(
                    key.starts_with("OTEL_") || help.contains(&format!("[env: {key}=")),
                    "{name} has no {key}"
                );
            }
        }
    }
}

#[test]
fn jobs_run_commands_and_flags_that_there_are() {
    let overlay = overlay("production");
    for (place, pod) in overlay.pods().into_iter().filter(|(_, pod)| pod["spec"]["restartPolicy"] == "Never")
    {
        let args: Vec<&str> = list(&pod["spec"]["containers"][0]["args"]).iter().map(text).collect();
        let output = Command::new(binary("internal-apictl")).args([args[0], "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        for flag in args.iter().filter(|arg| arg.starts_with("--")) {
            assert!(help.contains(&format!("{flag} <")), "{place}: {flag}");
        }
    }
}

#[test]
fn the_grace_period_covers_how_long_a_service_may_take_to_end() {
    const TRACES: u64 = 5;
    for Service { name, .. } in built() {
        let help = help(name);
        let (blackout, timeout) = (seconds(&help, "shutdown-blackout"), seconds(&help, "shutdown-timeout"));
        for overlay in overlays() {
            let pod = &overlay.get("Deployment", name)["spec"]["template"]["spec"];
            let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!(grace >= blackout + timeout + TRACES, "{name}: {grace}");
            // A readiness probe sees that the pod drains before the pod stops serving.
            let probe = &pod["containers"][0]["readinessProbe"];
            let kubelet =
                probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap();
            assert!(kubelet <= blackout, "{name}: {kubelet}");
            for config in overlay.of_kind("ConfigMap") {
                assert!(!config["data"].to_string().to_lowercase().contains("shutdown_"), "{}", overlay.name);
            }
        }
        let balancer = crate::services::read("deploy/haproxy/haproxy.cfg");
        assert_eq!(
            balancer.matches(r#"check inter 1s fall "${CHECK_FALL-2}" rise 1"#).count(),
            1,
            "2 s, which is less than {blackout}"
        );
    }
}

#[actix_web::test]
async fn probes_get_the_answers_that_they_wait_for() {
    for Service { name, .. } in built() {
        let overlay = overlay("production");
        let probes = &overlay.get("Deployment", name)["spec"]["template"]["spec"]["containers"][0];
        let path = |probe: &str| text(&probes[probe]["httpGet"]["path"]).to_owned();
        let setup = Setup::new(name);
        let mut process = setup.start();
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_eq!(process.monitor(&path(probe)).await.status, 200, "{name} {probe}");
        }
        process.signal("TERM");
        process.log_line(|line| line["message"] == "draining");
        // The service is alive, so it is not killed, but not ready, so it gets no new requests.
        assert_eq!(process.monitor(&path("livenessProbe")).await.status, 200, "{name}");
        let draining =
            json!({ "status": "failed", "master_check": [{ "status": "failed", "message": "draining" }] });
        assert_eq!(process.monitor(&path("readinessProbe")).await.json(), (503, draining), "{name}");
        process.signal("INT");
        process.wait();
    }
}
