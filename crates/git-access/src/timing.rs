//! The steps of a check and their durations, for the message of a timeout.
use std::cell::RefCell;
use std::fmt::Write;
use std::time::Instant;

/// Records the steps of a check.
#[derive(Debug)]
pub struct StepTimer {
    started: Instant,
    begun: RefCell<Vec<(String, Instant)>>,
}

impl Default for StepTimer {
    fn default() -> Self {
        Self { started: Instant::now(), begun: RefCell::default() }
    }
}

impl StepTimer {
    /// Starts a step and ends the previous one.
    pub fn begin(&self, step: &str) {
        let mut begun = self.begun.borrow_mut();
        if begun.last().is_none_or(|(last, _)| last != step) {
            begun.push((step.to_owned(), Instant::now()));
        }
    }

    /// The message, with the time of each step.
    pub fn timed_out(&self) -> String {
        let mut message =
            "Push operation timed out\n\nTiming information for debugging purposes:\n".to_owned();
        let begun = self.begun.borrow();
        let ends = begun.iter().skip(1).map(|(_, end)| Some(*end)).chain([None]);
        for ((step, start), end) in begun.iter().zip(ends) {
            // Writing to a string cannot fail.
            let _ = match end {
                Some(end) => writeln!(message, "{step} ({}ms)", end.duration_since(*start).as_millis()),
                None => write!(message, "{step} (cancelled after {}ms)", start.elapsed().as_millis()),
            };
        }
        if begun.is_empty() {
            let _ = write!(
                message,
                "Looking up the project (cancelled after {}ms)",
                self.started.elapsed().as_millis()
            );
        }
        message
    }
}
