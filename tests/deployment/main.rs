//! What is deployed, as it is rendered, against what the services do: the manifests of every overlay, the images, the
//! balancer's routes. Every test goes by the one list in `services.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod availability;
mod binaries;
mod compose;
mod images;
mod jobs;
mod monitoring;
mod network;
mod overlays;
mod pods;
mod rolling;
mod routing;

mod balancer;
mod gateway;
mod rendered;
mod services;
