//! What is sold: subscriptions, compute minutes, add-ons. Money-like data, with the rules that keep it right.
pub mod add_on;
pub mod card;
pub mod date;
mod given;
mod limits;
mod pack;
mod plan;
mod subscription;

pub use add_on::AddOn;
pub use given::Patch;
pub use limits::Limits;
pub use pack::Pack;
pub use plan::Plan;
pub use subscription::{Change, Subscription};

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const BLANK: &str = "can't be blank";
