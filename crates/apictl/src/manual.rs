//! `internal-apictl completions SHELL` and `internal-apictl man`: generates the files that a package of this
//! tool includes.
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub struct CompletionOptions {
    /// Shell to generate the script for
    shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManOptions {
    /// Write a file for each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the completion script for a shell.
pub fn completions(mut command: Command, options: &CompletionOptions) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut command, "internal-apictl", &mut text);
    Ok(std::io::stdout().write_all(&text)?)
}

/// Prints the manual page of the tool, or writes the pages of all commands into a directory.
pub fn man(command: Command, options: &ManOptions) -> Result<()> {
    // `help` has no page, so no page may refer to it.
    let mut command = command.disable_help_subcommand(true);
    if let Some(dir) = &options.dir {
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))?;
        return clap_mangen::generate_to(command, dir)
            .with_context(|| format!("the pages cannot be written to {}", dir.display()));
    }
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    Ok(std::io::stdout().write_all(&text)?)
}
