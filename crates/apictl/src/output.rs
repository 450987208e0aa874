//! Tables and JSON on standard output.
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use chrono::{NaiveDateTime, SecondsFormat};
use clap::ValueEnum;
use serde_json::Value;

static COLOUR: AtomicBool = AtomicBool::new(false);

/// Whether to print colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Decides once for the process. A non-empty `NO_COLOR` disables colours (<https://no-color.org>).
    pub fn apply(self) {
        let is_forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_coloured = match self {
            Self::Auto => !is_forbidden && std::io::stdout().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        };
        COLOUR.store(is_coloured, Ordering::Relaxed);
    }
}

/// The style of a cell on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Good,
    Bad,
}

impl Style {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
        }
    }
}

/// A cell of a table.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn write(&self, line: &mut String, width: usize, is_coloured: bool) {
        let code = self.style.code().filter(|_| is_coloured && !self.text.is_empty());
        if let Some(code) = code {
            // Writing to a string cannot fail.
            let _ = write!(line, "\u{1b}[{code}m");
        }
        line.push_str(&self.text);
        if code.is_some() {
            line.push_str("\u{1b}[0m");
        }
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(self.width())));
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(value: T) -> Self {
        // Control characters of stored text must not reach the terminal.
        let text = value.to_string().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        Self { text, style: Style::Plain }
    }
}

/// Prints rows below a header, in columns that are as wide as their longest cell.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [Cell; N]>) -> Result<()> {
    let rows: Vec<[Cell; N]> = rows.into_iter().collect();
    let header = header.map(|name| Cell::styled(name, Style::Bold));
    let mut widths = [0; N];
    for row in std::iter::once(&header).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let is_coloured = COLOUR.load(Ordering::Relaxed);
    let mut text = String::new();
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let separator = if index == 0 { "" } else { "  " };
            line.push_str(separator);
            cell.write(&mut line, width, is_coloured);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// Prints JSON.
pub fn json(value: &Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A time in RFC 3339, or null.
pub fn time(time: Option<NaiveDateTime>) -> Value {
    time.map_or(Value::Null, |time| time.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true).into())
}

/// A time in a table.
pub fn time_cell(time: Option<NaiveDateTime>) -> Cell {
    time.map_or_else(|| Cell::from("-"), |time| Cell::from(time.format("%Y-%m-%d %H:%M")))
}

/// A value in a table, or `-`.
pub fn optional<T: ToString>(value: Option<T>) -> Cell {
    value.map_or_else(|| Cell::from("-"), Cell::from)
}
