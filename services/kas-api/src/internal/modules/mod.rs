//! The endpoints of agentk's modules, which kas proxies.
pub(crate) mod cilium_alert;
pub(crate) mod starboard_vulnerability;
