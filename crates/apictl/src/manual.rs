//! `internal-apictl completions SHELL` and `internal-apictl man`: generates the files that a package of this
//! tool includes.
use std::io::Write;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub struct Options {
    /// Shell to generate the script for
    shell: Shell,
}

/// Prints the completion script for a shell.
pub fn completions(mut command: Command, options: &Options) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut command, "internal-apictl", &mut text);
    Ok(std::io::stdout().write_all(&text)?)
}

/// Prints the manual page of the tool, followed by one for each subcommand.
pub fn man(mut command: Command) -> Result<()> {
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        clap_mangen::Man::new(subcommand.clone()).render(&mut text)?;
    }
    Ok(std::io::stdout().write_all(&text)?)
}
