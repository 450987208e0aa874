//! What namespaces buy: subscriptions, compute minutes, add-ons and limits, and the rules for them.
pub mod add_on;
pub mod card;
pub mod date;
mod limits;
mod pack;
mod patch;
mod plan;
mod subscription;

pub use add_on::AddOn;
pub use limits::Limits;
pub use pack::Pack;
pub use patch::Patch;
pub use plan::Plan;
pub use subscription::{Change, SeatStatistics, Subscription};

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const BLANK: &str = "can't be blank";
