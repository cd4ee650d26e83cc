//! How a program joins a collection: it makes the catalog, adds its definitions, checks that the rest fits, and takes out of use
//! what it cannot maintain.

mod create;
mod definitions;
mod down;
mod fit;
mod swap;

pub(crate) use self::{
    create::{create_catalog, finish_creation, first_envelope, unborn},
    definitions::register,
    down::{down_unknown_indexes, mark_down, set_all_down},
    fit::{check, missing_backends},
    swap::change,
};
