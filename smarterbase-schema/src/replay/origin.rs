//! Where the fields of a version come from. A rename keeps what is stored, so an index over the field stays the same one (rule
//! S11); a step that makes values makes another index.

use super::{Link, Typed};
use crate::{lock::Origin, step::Step};

impl Link {
    /// Where a field of the version that the steps lead to comes from; `before` says it of the version before.
    #[must_use]
    pub fn origin(&self, field: &str, version: u32, before: &dyn Fn(&str) -> Origin) -> Origin {
        let mut name = field;
        for typed in self.steps.iter().rev() {
            match made_of(typed, name) {
                Made::Renamed(from) => name = from,
                Made::New => {
                    return Origin {
                        field: field.to_owned(),
                        name: name.to_owned(),
                        touched: version,
                    };
                }
                Made::Untouched => {}
            }
        }
        Origin {
            field: field.to_owned(),
            ..before(name)
        }
    }
}

/// What a step did to a field.
enum Made<'a> {
    Renamed(&'a str),
    New,
    Untouched,
}

fn made_of<'a>(typed: &'a Typed, name: &str) -> Made<'a> {
    match &typed.step {
        Step::Rename(from, to) if to == name => Made::Renamed(from),
        Step::Rename(..) | Step::Widen(_) => Made::Untouched,
        Step::Custom(keeps) if keeps.iter().any(|kept| kept == name) => Made::Untouched,
        _ if typed.gives_by_name().contains(&name) => Made::New,
        _ => Made::Untouched,
    }
}
