//! The size of an expansion, which decides how long it compiles.
//!
//! The time itself is measured by `cargo run -p smarterbase-derive --example budget` (200 documents; the budget is 12 ms
//! for each).

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::document;

/// The tokens that the expansion of a document with 8 fields and 3 indexes may have.
const CEILING: usize = 2_400;

fn count(tokens: TokenStream) -> usize {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => 2 + count(group.stream()),
            _ => 1,
        })
        .sum()
}

#[test]
fn a_document_of_eight_fields_and_three_indexes_stays_small() {
    let size = count(document(quote! {
        #[document(name = "users")]
        pub struct User {
            #[key(auto)] pub id: Id<User>,
            #[unique(lower)] pub email: String,
            #[index] pub org_id: Id<Org>,
            #[index(range)] pub age: u32,
            pub name: String,
            pub note: Option<String>,
            #[field(created_at)] pub created_at: Timestamp,
            #[field(updated_at)] pub updated_at: Timestamp,
        }
    }));
    assert!(size <= CEILING, "{size} tokens, more than {CEILING}");
    assert!(
        size > CEILING / 2,
        "{size} tokens: the ceiling of {CEILING} no longer holds anything"
    );
}
