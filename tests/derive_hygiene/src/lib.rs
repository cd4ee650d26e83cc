//! What the derives emit, under strict lints, in edition 2021, with `smarterbase` under another name.
//!
//! Checked by building it, and by clippy in the same run as all other crates.

#![no_implicit_prelude]
#![deny(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    single_use_lifetimes,
    unused_qualifications,
    warnings,
    clippy::all,
    clippy::pedantic
)]

use ::base::{Document, Embedded, Id, Timestamp};
use ::serde::{Deserialize, Serialize};
use ::std::{fmt::Debug, option::Option, string::String, vec::Vec};

/// A document with one field of each kind.
#[derive(Debug, Serialize, Deserialize, Document)]
#[document(
    crate = "::base",
    new(NewUser, derive(Debug)),
    index(fields(plan, created_at), name = by_plan_date, range),
    index(fields(plan, email), unique, name = by_plan_mail)
)]
pub struct User {
    /// The key.
    #[key(auto)]
    pub id: Id<User>,
    /// A unique value.
    #[unique(lower)]
    pub email: Email,
    /// An index.
    #[index]
    pub plan: Plan,
    /// A range.
    #[index(range)]
    pub age: Option<u32>,
    /// A list.
    #[index(each)]
    pub tags: Vec<String>,
    /// A scoped unique value.
    #[unique(scope(plan))]
    pub slug: String,
    /// An opaque value.
    #[field(opaque)]
    pub geo: Geo,
    /// An automatic time.
    #[field(created_at)]
    pub created_at: Timestamp,
    /// An automatic time.
    #[field(updated_at)]
    pub updated_at: Option<Timestamp>,
    /// A value with a default.
    #[field(default = 3)]
    pub level: u8,
    /// The revision.
    #[field(revision)]
    #[serde(skip)]
    pub revision: Option<u64>,
    /// Not stored.
    #[field(skip)]
    #[serde(skip)]
    pub scratch: String,
}

/// A newtype.
#[derive(Debug, Serialize, Deserialize, Embedded)]
#[embedded(crate = "::base")]
pub struct Email(pub String);

/// An enum without data.
#[derive(Debug, Serialize, Deserialize, Embedded)]
#[embedded(crate = "::base")]
pub enum Plan {
    /// Nothing.
    Free,
}

/// An enum with data.
#[derive(Debug, Serialize, Deserialize, Embedded)]
#[embedded(crate = "::base")]
pub enum Payment {
    /// By card.
    Card {
        /// The number.
        number: String,
    },
    /// Of this much.
    Cash(u32, String),
}

/// A type whose shape is not tracked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Geo;
