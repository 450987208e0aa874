//! The responses of `POST /allowed` that let a client go on.
pub mod allowed;
pub mod geo;
