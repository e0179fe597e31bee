//! What tests need: fakes of every port, conformance suites, and real peers started for a test.

pub mod fakes;
pub mod http;
pub mod peers;
pub mod store_suite;
