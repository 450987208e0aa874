//! The Dockerfile and its images.
use crate::services::{SERVICES, read, version};

#[test]
fn each_program_has_its_image() {
    let dockerfile = read("deploy/Dockerfile");
    for name in SERVICES.iter().map(|service| service.name).chain(["internal-apictl"]) {
        let (_, stage) = dockerfile.split_once(&format!("FROM runtime AS {name}\n")).unwrap();
        let stage = stage.split("\n\n").next().unwrap();
        let entry = format!("ENTRYPOINT [\"/usr/local/bin/{name}\"]");
        let health = format!("CMD [\"/usr/local/bin/{name}\", \"healthcheck\"]");
        let wanted = if name == "internal-apictl" {
            entry
        } else {
            format!("{entry}\nHEALTHCHECK --interval=20s --timeout=5s --start-period=60s {health}")
        };
        assert_eq!(stage, wanted);
    }
    assert!(dockerfile.ends_with("FROM ${SERVICE}\n"));
}

#[test]
fn image_files_are_read_only_for_the_service() {
    let dockerfile = read("deploy/Dockerfile");
    for line in [
        "ARG RUNTIME_BASE=gcr.io/distroless/cc-debian12:nonroot",
        "COPY --from=binary --chown=0:0 --chmod=0555 /out/${SERVICE} /usr/local/bin/${SERVICE}",
        "USER 65532:65532",
        "STOPSIGNAL SIGTERM",
    ] {
        assert!(dockerfile.lines().any(|found| found == line), "{line}");
    }
    for label in ["source", "revision", "version", "licenses"] {
        assert!(dockerfile.contains(&format!("org.opencontainers.image.{label}=")), "{label}");
    }
    assert!(!dockerfile.contains(":latest"));
}

/// The crates, the images and the manifests have the same version, which `k8s/` names in one place.
#[test]
fn everything_has_one_version() {
    let version = version();
    assert!(read("deploy/Dockerfile").contains(&format!("ARG VERSION={version}\n")));
    let registry = read("k8s/components/registry/kustomization.yaml");
    assert!(registry.contains(&format!("&release {version}\n")), "{registry}");
    let chart = read("deploy/chart/Chart.yaml");
    for field in ["version", "appVersion"] {
        assert!(chart.contains(&format!("\n{field}: {version}\n")), "{chart}");
    }
    assert_eq!(registry.matches("newTag: *release\n").count(), SERVICES.len() + 1);
}

#[test]
fn the_pipeline_tests_and_builds_each_service_by_itself() {
    let pipeline = crate::rendered::documents(&read(".gitlab-ci.yml")).remove(0);
    for name in SERVICES.iter().map(|service| service.name) {
        let (test, image) = (&pipeline[format!("{name} test")], &pipeline[format!("{name} image")]);
        assert_eq!(image["variables"]["SERVICE"], name);
        assert_eq!(image["needs"][0], format!("{name} test"));
        let command = format!("make test-{name}");
        assert!(test["script"].to_string().contains(&command), "{name}: {test}");
    }
    assert_eq!(pipeline["internal-apictl image"]["variables"]["SERVICE"], "internal-apictl");
}
