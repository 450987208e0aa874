//! `src/generated.rs` must be what `proto/gitaly.proto` generates.
use std::path::Path;

/// With `UPDATE_GENERATED` in the environment, writes the file instead.
#[test]
fn generated_code_is_fresh() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = tempfile::tempdir().unwrap();
    let files = protox::compile(["gitaly.proto"], [package.join("proto")]).unwrap();
    let builder = tonic_prost_build::configure().build_transport(false).out_dir(output.path());
    builder.compile_fds(files).unwrap();
    let generated = std::fs::read_to_string(output.path().join("gitaly.rs")).unwrap();
    let committed = package.join("src/generated.rs");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&committed, generated).unwrap();
        return;
    }
    let is_fresh = std::fs::read_to_string(committed).unwrap() == generated;
    assert!(is_fresh, "run UPDATE_GENERATED=1 cargo test -p gitaly-proto --test generated_code");
}
