use chrono::{DateTime, NaiveDateTime, SubsecRound};

/// The clock of a service. Tests replace it with a fixed time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    System,
    /// Always returns this time.
    Fixed(NaiveDateTime),
}

impl Clock {
    /// The current time in UTC, truncated to microseconds as the databases store it.
    pub fn now(&self) -> NaiveDateTime {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the clock")]
            Self::System => chrono::Utc::now().naive_utc().trunc_subsecs(6),
            Self::Fixed(time) => *time,
        }
    }

    /// The current Unix time in seconds.
    pub fn unix(&self) -> i64 {
        self.now().and_utc().timestamp()
    }

    /// The current Unix time in seconds with a fraction, as Sidekiq writes it.
    pub fn unix_float(&self) -> f64 {
        let now: DateTime<chrono::Utc> = self.now().and_utc();
        #[expect(clippy::cast_precision_loss, reason = "microseconds of Unix time fit for centuries")]
        let micros = now.timestamp_micros() as f64;
        micros / 1_000_000.0
    }
}
