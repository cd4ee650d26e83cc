//! What a program that works on the catalogue says, line by line. Both programs say it alike.

use serde::{Deserialize, Serialize};

/// One line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// A write was acknowledged.
    Wrote(Write),
    /// A product was made.
    Created(Facts, Write),
    /// A product was read.
    Read(Facts),
    /// All products of a brand were found.
    Found { brand: String, ids: Vec<String> },
    /// The library refused politely.
    Refused { what: String, code: String },
    /// Something happened that may not happen.
    Failed { what: String, error: String },
}

/// One revision that a program wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) id: String,
    pub(crate) revision: u64,
    /// The schema version of the program that wrote it.
    pub(crate) version: u32,
    /// How many pieces it put into stock.
    pub(crate) added: u64,
}

/// What no program changes in a product. The price is in cents in both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) id: String,
    pub(crate) sku: String,
    pub(crate) brand: String,
    pub(crate) title: String,
    pub(crate) cents: u64,
    pub(crate) place: Option<String>,
}
