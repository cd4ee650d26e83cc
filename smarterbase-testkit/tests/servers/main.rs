//! The servers of the testkit are what they claim to be: everything else is tested on top of them.

mod public_suite;
mod quirks;
mod races;
