//! What the derives emit, one snapshot per feature.

use proc_macro2::TokenStream;
use quote::quote;

use super::{document, embedded};

fn pretty(tokens: TokenStream) -> String {
    let file = syn::parse2(tokens).expect("an expansion is a list of items");
    prettyplease::unparse(&file)
}

macro_rules! snapshots {
    ($($name:ident: $derive:ident { $($input:tt)* })*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(pretty($derive(quote! { $($input)* })));
        }
    )*};
}

snapshots! {
    key_alone: document {
        pub struct User { #[key] pub id: String }
    }
    unique_value_with_a_scope: document {
        pub struct Page { #[key(auto)] id: Id<Page>, org_id: Id<Org>, #[unique(lower, scope(org_id))] slug: String }
    }
    range_index: document {
        pub struct User { #[key(auto)] id: Id<Self>, #[index(range)] age: u32 }
    }
    index_of_each_element: document {
        struct Post { #[key] id: u64, #[index(each)] tags: Vec<String> }
    }
    index_over_several_fields: document {
        #[document(index(fields(org_id, created_at), name = by_org_date, range))]
        struct Note { #[key(auto)] id: Id<Note>, org_id: Id<Org>, #[field(created_at)] created_at: Timestamp }
    }
    computed_values: document {
        #[document(computed(full_name: String, index(lower), revision = 2), computed(words: Vec<String>, index(each)))]
        pub struct User { #[key] id: u64, name: String }
    }
    definitions_of_some_documents: document {
        #[document(index(fields(team, age), name = by_team, range, where = Self::plays))]
        pub struct User {
            #[key] id: u64,
            team: String,
            age: u32,
            #[unique(lower, where(is_active, revision = 3))] #[index] email: String,
        }
    }
    struct_for_new_documents: document {
        #[document(new(NewUser, derive(Clone)))]
        pub struct User {
            #[key(auto)] pub id: Id<User>,
            /// The full name.
            pub name: String,
            #[field(default = Plan::Free)] pub plan: Plan,
            #[field(updated_at)] updated_at: Option<Timestamp>,
            #[field(revision)] #[serde(skip)] rev: Option<u64>,
        }
    }
    mistakes_leave_the_interface_whole: document {
        #[document(shards = 3)]
        pub struct User { #[unique] email: String }
    }
    embedded_newtype: embedded {
        pub struct Email(String);
    }
    embedded_enum_without_data: embedded {
        #[serde(rename_all = "snake_case")]
        pub enum Plan { Free, BigTeam }
    }
    embedded_struct_with_a_parameter: embedded {
        #[embedded(version = 2, unsealed)]
        struct Versioned<T> { value: T, #[field(opaque)] geo: Geo }
    }
}
