//! The documents tell the truth: paths exist, pages are complete, named tests are there, numbers are measured.

mod costs;
mod decisions;
mod errors;
mod facade;
mod named;
mod paths;
mod repository;
