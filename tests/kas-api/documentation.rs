//! The documentation lists the command line options.

/// `docs/configuration.md` has each option with the text of `--help`.
#[test]
fn options_are_documented() {
    testkit::documentation::assert_options_are_documented::<kas_api::Options>("kas-api");
}
