//! The servers that the systems need: found or installed, started on free ports with folders of their own, gone at the end.

pub(crate) mod install;
pub(crate) mod postgres;
