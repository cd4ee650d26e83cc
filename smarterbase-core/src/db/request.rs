//! Requests: what verbs and finders return; `.await` runs them.

pub mod find;
