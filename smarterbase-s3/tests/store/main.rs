//! Tests of the store against servers and scripts; unit tests of the table and of URLs stand beside their code.

#![allow(clippy::unwrap_used, reason = "a broken expectation fails the test")]

mod azure;
mod contract;
mod deletes;
mod deviants;
mod faults;
mod google;
mod listing;
mod mistakes;
mod place;
mod probe;
mod races;
mod script;
