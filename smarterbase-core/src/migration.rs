//! Migrations at run time: what a step is, and how steps change the members of one JSON object. No I/O, no types of the user.
//!
//! Values stay the raw text that was stored until a step asks for them, so numbers keep every digit and members keep their
//! order. What a step leaves alone is never parsed.

pub mod failure;
pub mod object;
pub mod run;
pub mod step;
pub mod variant;

pub use failure::Failure;
pub use object::{Object, Raw};
pub use step::{Change, Migration, Names, Representation, Step, VariantChange, Versions};
