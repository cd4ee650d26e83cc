//! Schema locks: the sealed shapes of a type, and whether its migration steps lead from one to the next.
//!
//! The derive, the command line tool and the engine share this crate, so that they agree on every byte and every rule. It has
//! no dependencies, does no I/O and knows no Rust syntax beyond the text of types.
//!
//! | Module | Answers |
//! |---|---|
//! | [`digest`] | which 64 bits stand for a text |
//! | [`types`] | how a Rust type is written in a lock, and when two of them are stored alike |
//! | [`shape`] | what a version of a type looks like |
//! | [`lock`] | what a lock file says, and how it is written |
//! | [`step`] | what a migration may do |
//! | [`mod@replay`] | whether steps lead from one shape to another, and with which types |
//! | [`difference`] | what changed between two shapes, and which steps would follow it |

pub mod difference;
pub mod digest;
pub mod lock;
pub mod replay;
pub mod shape;
pub mod step;
pub mod types;

pub use lock::{Kind, Lock, Origin, Sealed};
pub use replay::{Link, Place, Problem, replay};
pub use shape::{Form, Part, Representation, Shape};
pub use step::Step;
pub use types::Type;
