//! Black-box tests: HTTP against the real function binaries, on an embedded cloud of each
//! test's own. No network, no server to start, no order.

mod center;
mod faults;
mod limits;
mod races;
mod tidy;
mod tokens;
mod unrouted;
mod world;
