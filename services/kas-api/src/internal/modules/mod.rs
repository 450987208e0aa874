//! What the modules of agentk ask, which kas hands on.
pub(crate) mod cilium_alert;
pub(crate) mod starboard_vulnerability;
