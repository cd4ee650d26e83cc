//! The documents that are measured: the same fields, with more or fewer definitions. About 400 bytes of JSON each.

use smarterbase::prelude::*;

/// A closed set of values, as an index usually has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Embedded)]
pub(crate) enum Plan {
    Free,
    Team,
}

macro_rules! documents {
    ($($(#[$doc:meta])* $type:ident $collection:tt {$(#[$email:meta])*} {$(#[$plan:meta])*} {$(#[$range:meta])*})*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize, Document)]
        #[document(name = $collection)]
        pub(crate) struct $type {
            #[key(auto)]
            pub(crate) id: Id<$type>,
            $(#[$email])*
            pub(crate) email: String,
            pub(crate) name: String,
            pub(crate) biography: String,
            pub(crate) interests: Vec<String>,
            $(#[$plan])*
            pub(crate) plan: Plan,
            $(#[$range])*
            pub(crate) visits: u32,
            $(#[$range])*
            pub(crate) created_at: Timestamp,
        }

        impl $type {
            /// The document with this number, not stored yet.
            pub(crate) fn numbered(number: usize) -> Self {
                Self {
                    id: Id::auto(),
                    email: format!("person-{number}@example.org"),
                    name: format!("Person Number {number}"),
                    biography: BIOGRAPHY.to_owned(),
                    interests: INTERESTS.iter().map(|&interest| interest.to_owned()).collect(),
                    plan: Plan::Free,
                    visits: u32::try_from(number).expect("few documents"),
                    created_at: Timestamp::UNIX_EPOCH,
                }
            }
        }
    )*};
}
documents! {
    /// No index, nothing unique.
    Plain "plain" {} {} {}
    /// Three indexes.
    Indexed "indexed" {} {#[index]} {#[index(range)]}
    /// One unique field.
    Claimed "claimed" {#[unique(lower)]} {} {}
}

const BIOGRAPHY: &str = "Wrote the first program, found the first bug, and kept the moth in the log book \
    beside the note that says what it had done to the relay and when it was taken out of it.";
const INTERESTS: [&str; 3] = ["compilers", "moths", "long distance walking"];
