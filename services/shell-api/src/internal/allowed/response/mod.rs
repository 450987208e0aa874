//! The successful responses of `POST /allowed`.
pub mod allowed;
pub mod geo;
