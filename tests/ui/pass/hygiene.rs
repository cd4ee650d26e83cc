//! The expansion survives strict lints, missing names, and names that clash with everything that it makes.

#![deny(missing_docs, missing_debug_implementations, unreachable_pub, warnings)]
#![allow(clippy::pedantic, reason = "only clippy knows them; the crate in tests/derive_hygiene is checked by it")]

/// No prelude, no imports: only absolute paths.
#[no_implicit_prelude]
pub mod bare {
    /// A document.
    #[derive(::std::fmt::Debug, ::smarterbase::prelude::Serialize, ::smarterbase::prelude::Deserialize, ::smarterbase::Document)]
    #[document(new(NewBare), index(fields(tag, level), range))]
    pub struct Bare {
        /// The key.
        #[key(auto)]
        pub id: ::smarterbase::Id<Bare>,
        /// A tag.
        #[index]
        pub tag: ::std::string::String,
        /// A level.
        #[field(default)]
        pub level: u8,
    }

    /// Part of a document.
    #[derive(::std::fmt::Debug, ::smarterbase::prelude::Serialize, ::smarterbase::prelude::Deserialize, ::smarterbase::Embedded)]
    pub enum Plan {
        /// Nothing.
        Free,
    }

    /// Part of a document.
    #[derive(::std::fmt::Debug, ::smarterbase::prelude::Serialize, ::smarterbase::prelude::Deserialize, ::smarterbase::Embedded)]
    pub struct Email(::std::string::String);
}

/// Documents that are called like everything that the expansion uses.
pub mod shadows {
    use serde::{Deserialize, Serialize};

    macro_rules! documents {
        ($($name:ident)*) => {$(
            /// A document.
            #[derive(Debug, Serialize, Deserialize, smarterbase::Document)]
            pub struct $name {
                /// The key.
                #[key]
                pub id: ::std::string::String,
                /// A value.
                #[index(range)]
                pub value: u32,
            }
        )*};
    }
    documents! { T A V Db Session Field Document Vec String Some None Ok Err Into Clone Copy Default Id Timestamp Sized Send }
}

/// Results and options of one's own.
pub mod results {
    use serde::{Deserialize, Serialize};

    /// A result of one's own.
    pub type Result<T> = ::std::result::Result<T, ()>;

    /// A document called like a standard type.
    #[derive(Debug, Serialize, Deserialize, smarterbase::Document)]
    pub struct Option {
        /// The key.
        #[key]
        pub id: ::std::string::String,
    }
}

/// Fields that are called like everything that is generated.
#[derive(Debug, serde::Serialize, serde::Deserialize, smarterbase::Document)]
#[document(new(NewNames))]
pub struct Names {
    /// The key.
    #[key]
    pub key: String,
    /// A field.
    #[index(range)]
    pub db: u32,
    /// A field.
    #[index]
    pub database: u32,
    /// A field.
    #[unique]
    pub session: u32,
    /// A field.
    #[index]
    pub r#type: u32,
    /// A field.
    #[index(range)]
    pub r#in: u32,
    /// A field.
    #[index(each)]
    pub sink: Vec<u32>,
    /// A field.
    pub stamp: u32,
    /// A field.
    pub moment: u32,
    /// A field.
    pub index_values: u32,
    /// A field.
    pub validate: u32,
    /// A field.
    #[index]
    pub find_by_db: u32,
    /// A field.
    pub new: u32,
    /// A field.
    pub value: u32,
}

mod private {
    use smarterbase::prelude::{Deserialize, Document, Embedded, Serialize};

    #[derive(Debug, Serialize, Deserialize, Embedded)]
    enum Secret {
        One,
    }

    // Nothing of it is used, and its types are private.
    #[derive(Debug, Serialize, Deserialize, Document)]
    struct Hidden {
        #[key]
        id: String,
        #[index]
        secret: Secret,
    }

    const _: fn() = || {
        let _ = Hidden { id: String::new(), secret: Secret::One };
    };
}

fn main() {
    let _ = |db: &smarterbase::Db| {
        let _ = Names::find_by_type(db, 1);
        let _ = Names::find_by_in_in(db, 1..);
        let _ = Names::find_by_sink(db, 1);
        let _ = Names::find_by_find_by_db(db, 1);
        let _ = shadows::Vec::find_by_value_in(db, ..5);
    };
}
