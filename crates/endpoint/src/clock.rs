use chrono::{DateTime, NaiveDateTime, SubsecRound};

/// Where a service takes the time from, so that a test can choose it.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    System,
    /// It stands still.
    Fixed(NaiveDateTime),
}

impl Clock {
    /// Now, in UTC, in whole microseconds as the databases keep them.
    pub fn now(&self) -> NaiveDateTime {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the clock")]
            Self::System => chrono::Utc::now().naive_utc().trunc_subsecs(6),
            Self::Fixed(time) => *time,
        }
    }

    /// Seconds of Unix time.
    pub fn unix(&self) -> i64 {
        self.now().and_utc().timestamp()
    }

    /// Unix time with its fraction, as Sidekiq writes it.
    pub fn unix_float(&self) -> f64 {
        let now: DateTime<chrono::Utc> = self.now().and_utc();
        #[expect(clippy::cast_precision_loss, reason = "microseconds of Unix time fit for centuries")]
        let micros = now.timestamp_micros() as f64;
        micros / 1_000_000.0
    }
}
