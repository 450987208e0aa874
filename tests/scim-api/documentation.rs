//! The documentation has the options of the command line.

/// The page of the configuration has each option, with the sentence of `--help`.
#[test]
fn options_are_documented() {
    testkit::documentation::assert_options_are_documented::<scim_api::Options>("scim-api");
}
