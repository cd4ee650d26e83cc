//! Expansions of types that have a lock.

use proc_macro2::TokenStream;
use quote::quote;
use smarterbase_schema::{
    Form, Kind, Lock, Part, Sealed, Shape, Step,
    replay::{Between, replay},
};

use super::{LOCKS, document, embedded};

pub(super) fn shape(key: Option<&str>, parts: &[(&str, &str)]) -> Shape {
    Shape {
        key: key.map(str::to_owned),
        parts: parts
            .iter()
            .map(|(name, ty)| Part::new(*name, ty))
            .collect(),
        ..Shape::new(Form::Struct)
    }
}

/// A lock of these shapes; each but the first has the steps that lead to it.
pub(super) fn lock(kind: Kind, name: &str, versions: &[(Shape, Vec<Step>)]) -> Lock {
    let mut sealed: Vec<Sealed> = Vec::new();
    for (shape, steps) in versions {
        let version = u32::try_from(sealed.len()).expect("few versions") + 1;
        let digest = sealed.last().map(|before| {
            let between = Between {
                from: version - 1,
                before: &before.shape,
                after: shape,
            };
            replay(between, steps).expect("the steps lead on").digest()
        });
        sealed.push(Sealed {
            version,
            shape: shape.clone(),
            steps: digest,
        });
    }
    Lock {
        kind,
        name: name.to_owned(),
        crate_name: std::env::var("CARGO_CRATE_NAME").unwrap_or_default(),
        versions: sealed,
    }
}

/// The expansion with this lock, without white space.
pub(super) fn with_lock(
    lock: &Lock,
    expand: fn(TokenStream) -> TokenStream,
    input: TokenStream,
) -> String {
    LOCKS.with_borrow_mut(|locks| locks.insert(format!("{}.toml", lock.name), lock.write()));
    let text = expand(input).to_string();
    LOCKS.with_borrow_mut(|locks| locks.remove(&format!("{}.toml", lock.name)));
    text.split_whitespace().collect()
}

fn users() -> Lock {
    let first = shape(
        Some("id"),
        &[("id", "String"), ("name", "String"), ("age", "String")],
    );
    lock(Kind::Document, "users", &[(first, Vec::new())])
}

fn user() -> TokenStream {
    quote! {
        #[document(name = "users", version = 2, schema_dir = "schema", migrate(1 => 2, rename(name => full_name), convert(age, with = parse)))]
        struct User { #[key] id: String, #[index] full_name: String, #[index] age: u32 }
    }
}

#[test]
fn steps_become_data_and_one_line_calls() {
    let text = with_lock(&users(), document, user());
    for part in [
        r#"__sb::MigrationStep::Rename("name","full_name")"#,
        r#"step:"convert(age)",takes:&["age"],gives:&["age"]"#,
        "__sb::converted::<(String,),u32,_>(__sb_call,|(__sb_0,)|parse(__sb_0))",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("compile_error"), "{text}");
}

#[test]
fn s11_an_index_is_called_as_its_field_was_and_knows_what_touched_it() {
    let text = with_lock(&users(), document, user());
    assert!(
        text.contains(r#"("full_name",__sb::None,"name",1u32)"#),
        "{text}"
    );
    assert!(text.contains(r#"("age",__sb::None,"age",2u32)"#), "{text}");
    assert!(text.contains(r#"__sb::IndexSpec{name:"name","#), "{text}");
}

#[test]
fn a_lock_is_an_input_of_the_build_by_a_path_that_is_the_same_on_every_machine() {
    let text = with_lock(&users(), document, user());
    let seal = users().write();
    let seal: String = seal
        .lines()
        .next()
        .expect("a seal")
        .split_whitespace()
        .collect();
    let included = r#"__sb::is_lock(__sb::include_bytes!(__sb::concat!(__sb::env!("CARGO_MANIFEST_DIR"),"/schema/users.toml")),"#;
    assert!(text.contains(included) && text.contains(&seal), "{text}");
    assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{text}");
    assert_eq!(text, with_lock(&users(), document, user()));
}

#[test]
fn a_lock_that_is_wrong_is_an_input_too_and_one_error() {
    let mut wrong = users();
    wrong.name = "accounts".to_owned();
    LOCKS.with_borrow_mut(|locks| locks.insert("users.toml".to_owned(), wrong.write()));
    let text: String = document(user()).to_string().split_whitespace().collect();
    LOCKS.with_borrow_mut(|locks| locks.remove("users.toml"));
    assert!(text.contains("include_bytes"), "{text}");
    assert_eq!(text.matches("compile_error").count(), 1, "{text}");
    assert!(text.contains("impl__sb::DocumentforUser"), "{text}");
}

#[test]
fn what_only_the_compiler_can_compare_is_asked_of_it() {
    let first = shape(None, &[("home", "Option<Address>")]);
    let place = lock(Kind::Embedded, "Place", &[(first, Vec::new())]);
    let input = quote! {
        #[embedded(name = "Place", version = 1, schema_dir = "schema")]
        struct Place { home: Option<PostalAddress> }
    };
    let text = with_lock(&place, embedded, input);
    let check =
        r#"__sb::is_stored_as(<Option<PostalAddress>as__sb::FieldType>::SHAPE,"Option<Address>")"#;
    assert!(text.contains(check), "{text}");
    assert!(!text.contains("compile_error"), "{text}");
}

#[test]
fn a_type_that_does_not_fit_to_its_lock_keeps_its_whole_interface() {
    // An editor completes what the expansion has, also while the user is writing the migration.
    let input = |age: &str| {
        let ty: TokenStream = age.parse().expect("a type");
        quote! {
            #[document(name = "users", schema_dir = "schema", new(NewUser))]
            struct User { #[key(auto)] id: String, #[unique] name: String, #[index(range)] age: #ty }
        }
    };
    let right = with_lock(&users(), document, input("String"));
    assert!(!right.contains("compile_error"), "{right}");
    let wrong = with_lock(&users(), document, input("u32"));
    assert_eq!(wrong.matches("compile_error").count(), 1, "{wrong}");
    for item in [
        "impl__sb::DocumentforUser",
        "constFIELDS:",
        "find_by_name",
        "find_by_age_in",
        "count_by_age",
        "structNewUser",
        "age:__sb::Field::new(",
    ] {
        let name = item.to_owned();
        assert_eq!(
            right.matches(&name).count(),
            wrong.matches(&name).count(),
            "{item}"
        );
        assert!(wrong.contains(item), "{item} is not in {wrong}");
    }
}
