//! Compares the deployment with the services: the rendered manifests of every overlay, the images and the
//! load balancer. `services.rs` has the only list of services.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod alone;
mod availability;
mod binaries;
mod compose;
mod documents;
mod edge;
mod fall_through;
mod faults;
mod hardening;
mod images;
mod jobs;
mod listeners;
mod log_fields;
mod monitoring;
mod network;
mod overlays;
mod pods;
mod rolling;
mod rollout;
mod routing;

mod balancer;
mod demo;
mod gateway;
mod rendered;
mod services;
