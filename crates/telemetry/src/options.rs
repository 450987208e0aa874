//! The settings of the log.

/// The settings of the log from one source. The caller merges flags, environment and file.
#[derive(clap::Args, serde::Deserialize, Default, Clone, Debug, PartialEq, Eq)]
#[serde(default)]
pub struct Options {
    /// Log format: one JSON object per line, or human-readable lines
    #[arg(long, env = "IAPI_LOG_FORMAT", value_enum)]
    pub log_format: Option<Format>,
    /// Log level: error, warn, info, debug, trace, off, or directives in the syntax of `RUST_LOG`
    #[arg(long, env = "IAPI_LOG_LEVEL", value_name = "DIRECTIVES")]
    pub log_level: Option<String>,
}

/// The log format.
#[derive(clap::ValueEnum, serde::Deserialize, Default, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object per line
    #[default]
    Json,
    /// Human-readable lines
    Pretty,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn flags_and_file_accept_the_same_values() {
        let flags = ["service", "--log-format", "pretty", "--log-level", "warn,database=debug"];
        let file = json!({ "log_format": "pretty", "log_level": "warn,database=debug" });
        let expected =
            Options { log_format: Some(Format::Pretty), log_level: Some("warn,database=debug".into()) };
        assert_eq!(Command::try_parse_from(flags).unwrap().options, expected);
        assert_eq!(serde_json::from_value::<Options>(file).unwrap(), expected);
        assert_eq!(serde_json::from_value::<Options>(json!({})).unwrap(), Options::default());
        assert!(Command::try_parse_from(["service", "--log-format", "xml"]).is_err());
    }
}
