//! The facade under attack: one binary, one module per thing that users do or rely on.

mod cost;
mod faults;
mod user;
