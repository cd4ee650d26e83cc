//! The same input gives the same output, or builds could not be reproduced.

use quote::quote;

use super::{document, embedded};

#[test]
fn expanding_twice_gives_the_same_tokens() {
    let input = quote! {
        #[document(new(NewUser), index(fields(d, a), range), index(fields(b, c), name = by_b_c))]
        pub struct User {
            #[key(auto)] id: Id<User>,
            #[index] a: String,
            #[unique(scope(a))] b: String,
            #[index(each)] c: Vec<String>,
            #[index(range, nmae = x)] d: u32,
        }
    };
    assert_eq!(
        document(input.clone()).to_string(),
        document(input).to_string()
    );
    let input = quote!(
        enum Plan {
            Free,
            Team { seats: u32 },
        }
    );
    assert_eq!(
        embedded(input.clone()).to_string(),
        embedded(input).to_string()
    );
}

#[test]
fn an_expansion_holds_no_path_of_the_machine() {
    let text = document(quote!(
        struct User {
            #[key]
            id: String,
        }
    ))
    .to_string();
    let here = env!("CARGO_MANIFEST_DIR");
    assert!(text.contains("__SB_SPEC") && !text.contains(here), "{text}");
}
