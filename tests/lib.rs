//! Tests of the services from outside, one binary a service.
