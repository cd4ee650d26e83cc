//! Expansions of types that have a lock.

use proc_macro2::TokenStream;
use quote::quote;
use smarterbase_schema::{Form, Kind, Lock, Part, Shape, Step};

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
    let mut lock = Lock {
        kind,
        name: name.to_owned(),
        crate_name: std::env::var("CARGO_CRATE_NAME").unwrap_or_default(),
        versions: Vec::new(),
    };
    for (shape, steps) in versions {
        lock.add(shape.clone(), steps).expect("the steps lead on");
    }
    lock
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
        r#"step:"convert(age)",takes:__sb::Names::One("age"),gives:__sb::Names::One("age")"#,
        "|__sb_call|match__sb::arguments::<(String,)>(__sb_call){__sb::Ok((__sb_0,))=>__sb::converted::<u32,_>(parse(__sb_0)),",
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
    let included = r#"__sb::hold_lock(__sb::include_bytes!(__sb::concat!(__sb::env!("CARGO_MANIFEST_DIR"),"/schema/users.toml")),"#;
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
        "age:__sb::handle(",
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

/// Names and types, and the steps that led to them.
type Past = (&'static [(&'static str, &'static str)], Vec<Step>);

/// Users of four versions: renamed and renamed again, converted, made by a split, kept past a `custom` function.
fn long_history() -> Lock {
    let versions: [Past; 4] = [
        (
            &[
                ("id", "String"),
                ("name", "String"),
                ("age", "String"),
                ("place", "String"),
            ],
            vec![],
        ),
        (
            &[
                ("id", "String"),
                ("title", "String"),
                ("age", "u32"),
                ("place", "String"),
            ],
            vec![
                Step::Rename("name".into(), "title".into()),
                Step::Convert("age".into()),
            ],
        ),
        (
            &[
                ("id", "String"),
                ("full_name", "String"),
                ("years", "u32"),
                ("city", "String"),
                ("country", "String"),
            ],
            vec![
                Step::Rename("title".into(), "full_name".into()),
                Step::Rename("age".into(), "years".into()),
                Step::Split("place".into(), vec!["city".into(), "country".into()]),
            ],
        ),
        (
            &[
                ("id", "String"),
                ("full_name", "String"),
                ("years", "u32"),
                ("town", "String"),
                ("country", "bool"),
            ],
            vec![
                Step::Rename("city".into(), "town".into()),
                Step::Convert("country".into()),
            ],
        ),
    ];
    let versions = versions.map(|(parts, steps)| (shape(Some("id"), parts), steps));
    lock(Kind::Document, "users", &versions)
}

/// The struct of the last version, which reads documents from `oldest` on.
fn reading_from(oldest: u32) -> TokenStream {
    let all = [
        "migrate(1 => 2, rename(name => title), convert(age, with = f)),",
        "migrate(2 => 3, rename(title => full_name), rename(age => years), split(place => (city, country), with = f)),",
        "migrate(3 => 4, rename(city => town), convert(country, with = f)),",
    ];
    let kept = all[oldest as usize - 1..].concat();
    format!(
        "#[document(name = \"users\", schema_dir = \"schema\", version = 4, min_version = {oldest}, {kept})]
         struct User {{
             #[key] id: String, #[unique] full_name: String, #[index(range)] years: u32, #[index] town: String,
             #[index] country: bool,
         }}"
    )
    .parse()
    .expect("tokens")
}

/// What the catalog and the index entries are named by.
fn definitions(expansion: &str) -> Vec<String> {
    let named = expansion.split("__sb::IndexSpec{").skip(1);
    let named = named.map(|rest| {
        rest.split_once("components")
            .expect("components")
            .0
            .to_owned()
    });
    let components = expansion.split("__sb::component::<").skip(1);
    let components = components.map(|rest| rest.split_once(';').expect("an end").0.to_owned());
    named.chain(components).collect()
}

#[test]
fn s11_definitions_outlive_the_steps_that_min_version_drops() {
    let whole = with_lock(&long_history(), document, reading_from(1));
    assert!(!whole.contains("compile_error"), "{whole}");
    let expected = definitions(&whole);
    for part in [
        r#"("full_name",__sb::None,"name",1u32)"#,
        r#"("years",__sb::None,"age",2u32)"#,
        r#"("town",__sb::None,"city",3u32)"#,
        r#"("country",__sb::None,"country",4u32)"#,
    ] {
        assert!(whole.contains(part), "{part} is not in {whole}");
    }
    for oldest in 2..=4 {
        let mut lock = long_history();
        let text = with_lock(&lock, document, reading_from(oldest));
        assert!(!text.contains("compile_error"), "{text}");
        assert_eq!(definitions(&text), expected, "from {oldest}");
        // The versions that are read no more need not be in the lock.
        lock.versions.retain(|sealed| sealed.version >= oldest);
        let text = with_lock(&lock, document, reading_from(oldest));
        assert_eq!(definitions(&text), expected, "from {oldest}, shortened");
    }
}

#[test]
fn s11_a_lock_that_does_not_say_where_fields_come_from_says_what_to_write() {
    let mut lock = long_history();
    lock.versions[2].origins.clear();
    let text = with_lock(&lock, document, reading_from(1));
    assert_eq!(text.matches("compile_error").count(), 1, "{text}");
    for line in [
        "[v3.origins]",
        r#"full_name=\"v1name\""#,
        r#"years=\"v2age\""#,
        r#"city=\"v3city\""#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    // Nothing is known against it where nobody can tell.
    lock.versions.retain(|sealed| sealed.version == 4);
    let text = with_lock(&lock, document, reading_from(4));
    assert!(!text.contains("compile_error"), "{text}");
}

#[test]
fn s11_a_draft_that_reads_nothing_older_has_definitions_of_its_own() {
    let input = quote! {
        #[document(name = "users", version = 5, min_version = 5, schema_dir = "schema")]
        struct User { #[key] id: String, #[index] full_name: String }
    };
    let text = with_lock(&long_history(), document, input);
    assert!(!text.contains("compile_error"), "{text}");
    assert!(
        text.contains(r#"("full_name",__sb::None,"full_name",5u32)"#),
        "{text}"
    );
}
