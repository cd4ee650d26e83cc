//! What the derives make of real structs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::needless_borrows_for_generic_args,
    reason = "that a reference fits is what is tested"
)]
#![allow(
    missing_docs,
    missing_debug_implementations,
    reason = "the documents of tests"
)]

use std::collections::BTreeSet;

use smarterbase::__private::{
    IndexKind, IndexSink, IntoDocument, KeyKind, Moment, Scalar, UnknownMembers,
};
use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, Document)]
#[document(name = "users", new(NewUser), index(fields(org_id, created_at), name = by_org_date, range))]
pub struct User {
    #[key(auto)]
    pub id: Id<User>,
    #[unique(lower)]
    #[validate(email)]
    pub email: String,
    #[index]
    pub plan: String,
    #[index(range)]
    pub age: u32,
    #[index(each)]
    pub tags: Vec<String>,
    #[unique(scope(plan))]
    pub slug: String,
    pub org_id: Option<Id<Self>>,
    #[field(created_at)]
    pub created_at: Timestamp,
    #[field(updated_at)]
    pub updated_at: Option<Timestamp>,
    #[field(default = 3)]
    pub level: u8,
    #[field(revision)]
    #[serde(skip)]
    pub rev: Option<u64>,
    #[field(skip)]
    #[serde(skip)]
    pub scratch: Vec<u8>,
}

#[derive(Default, Serialize, Deserialize, Document)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    #[key]
    renamed_id: String,
    #[index]
    #[serde(alias = "name", alias = "called")]
    full_name: String,
    #[index]
    r#type: u8,
    #[serde(rename = "note")]
    remark: Option<String>,
}

#[derive(Serialize, Deserialize, Document)]
struct Lists {
    #[key]
    id: String,
    #[index(each)]
    some: Option<Vec<u32>>,
    #[index(each)]
    none: Option<Vec<u32>>,
    #[index(each)]
    set: BTreeSet<u32>,
    #[index(each)]
    array: [u32; 2],
}

const NOW: &str = "2026-11-20T15:34:00.000000005Z";

fn with_moment<R>(is_new: bool, then: impl FnOnce(&mut Moment<'_>) -> R) -> R {
    let mut random = |bytes: &mut [u8]| bytes.fill(7);
    then(&mut Moment::new(NOW.parse().unwrap(), is_new, &mut random))
}

fn new_user() -> NewUser {
    NewUser {
        email: "ada@example.org".into(),
        plan: "pro".into(),
        age: 36,
        tags: vec!["math".into(), "poetry".into()],
        slug: "ada".into(),
        org_id: None,
    }
}

/// The entries that a document pushes, as text.
fn entries(document: &impl Document) -> Vec<(u16, String)> {
    struct Sink(Vec<(u16, String)>);
    impl IndexSink for Sink {
        fn entry(&mut self, ordinal: u16, components: &[Scalar<'_>]) {
            self.0.push((ordinal, format!("{components:?}")));
        }
    }
    let mut sink = Sink(Vec::new());
    document.index_values(&mut sink);
    sink.0
}

fn created() -> User {
    with_moment(true, |moment| {
        let mut user: User = new_user().into_document(moment);
        user.stamp(moment);
        user
    })
}

#[test]
fn a_new_document_is_made_of_what_the_caller_gives_and_what_is_automatic() {
    let user = created();
    assert_eq!(user.id.uuid().get_version_num(), 7);
    assert_eq!(
        (user.email.as_str(), user.age, user.level),
        ("ada@example.org", 36, 3)
    );
    assert_eq!(user.created_at, NOW.parse().unwrap());
    assert_eq!(user.updated_at, Some(NOW.parse().unwrap()));
    assert_eq!((user.rev, user.scratch), (None, Vec::new()));
}

#[test]
fn a_change_sets_updated_at_and_nothing_else() {
    let mut user = created();
    let before = user.clone();
    let later: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let mut random = |_: &mut [u8]| panic!("a change needs no randomness");
    user.stamp(&mut Moment::new(later, false, &mut random));
    assert_eq!(
        user,
        User {
            updated_at: Some(later),
            ..before
        }
    );
}

#[test]
fn a_key_that_the_caller_set_stays() {
    let id = Id::from_uuid(uuid::Uuid::from_u128(7));
    let mut user = User { id, ..created() };
    with_moment(true, |moment| user.stamp(moment));
    assert_eq!(user.id, id);
}

#[test]
fn the_specification_holds_the_stored_facts() {
    let spec = User::SPEC;
    assert_eq!(
        (
            spec.type_name,
            spec.collection,
            spec.schema_version,
            spec.shards
        ),
        ("User", "users", 1, 1)
    );
    assert_eq!((spec.key_field, spec.key_kind), ("id", KeyKind::Uuid));
    assert_eq!(spec.unknown, UnknownMembers::Keep);
    let fields: Vec<_> = spec.fields.iter().map(|field| field.name).collect();
    assert_eq!(
        fields,
        [
            "id",
            "email",
            "plan",
            "age",
            "tags",
            "slug",
            "org_id",
            "created_at",
            "updated_at",
            "level"
        ]
    );
    let indexes: Vec<_> = spec
        .indexes
        .iter()
        .map(|index| {
            let components: Vec<_> = index
                .components
                .iter()
                .map(|component| component.field)
                .collect();
            (index.name, index.kind, index.each, index.range, components)
        })
        .collect();
    assert_eq!(
        indexes,
        [
            ("email", IndexKind::Unique, false, false, vec!["email"]),
            ("plan", IndexKind::Index, false, false, vec!["plan"]),
            ("age", IndexKind::Index, false, true, vec!["age"]),
            ("tags", IndexKind::Index, true, false, vec!["tags"]),
            (
                "plan-and-slug",
                IndexKind::Unique,
                false,
                false,
                vec!["plan", "slug"]
            ),
            (
                "by-org-date",
                IndexKind::Index,
                false,
                true,
                vec!["org_id", "created_at"]
            ),
        ]
    );
    assert_eq!(spec.indexes[0].components[0].lower, Some(1));
    assert_eq!(spec.indexes[1].components[0].lower, None);
    assert!(spec.indexes[5].components[0].encoding.optional);
}

#[test]
fn every_definition_gets_its_entries_and_a_list_one_for_each_element() {
    assert_eq!(
        entries(&created()),
        [
            (0, r#"[Text("ada@example.org")]"#.to_owned()),
            (1, r#"[Text("pro")]"#.to_owned()),
            (2, "[Unsigned(36)]".to_owned()),
            (3, r#"[Text("math")]"#.to_owned()),
            (3, r#"[Text("poetry")]"#.to_owned()),
            (4, r#"[Text("pro"), Text("ada")]"#.to_owned()),
            (5, "[Null, Timestamp(1795188840, 5)]".to_owned()),
        ]
    );
}

#[test]
fn the_revision_goes_in_and_comes_out_and_is_not_stored() {
    let mut user = created();
    assert_eq!(user.expected_revision(), None);
    user.set_revision(7);
    assert_eq!((user.rev, user.expected_revision()), (Some(7), Some(7)));
    let stored = serde_json::to_value(&user).unwrap();
    assert!(
        stored.get("rev").is_none() && stored.get("scratch").is_none(),
        "{stored}"
    );
}

#[test]
fn the_stored_names_are_those_that_serde_writes() {
    let stored = serde_json::to_value(Renamed::default()).unwrap();
    let mut written: Vec<_> = stored
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut named: Vec<_> = Renamed::SPEC
        .fields
        .iter()
        .map(|field| field.name)
        .collect();
    written.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, written);
    assert_eq!(Renamed::SPEC.key_field, "renamedId");
    assert_eq!(Renamed::SPEC.fields[1].aliases, ["name", "called"]);
    assert_eq!(Renamed::SPEC.indexes[0].name, "full-name");
    assert_eq!(Renamed::FIELDS.full_name.name(), "fullName");
    assert_eq!(Renamed::FIELDS.r#type.name(), "type");
}

#[test]
fn the_rules_of_validator_are_checked_where_there_are_some() {
    let mut user = created();
    assert_eq!(Document::check_rules(&user), Ok(()));
    user.email = "nobody".into();
    let violations = Document::check_rules(&user).unwrap_err();
    assert_eq!(
        (violations[0].field.as_str(), violations[0].rule.as_str()),
        ("email", "email")
    );
    assert_eq!(Document::check_rules(&Renamed::default()), Ok(()));
}

#[test]
fn the_parts_of_a_list_are_found_through_an_option_and_a_set() {
    let lists = Lists {
        id: "a".into(),
        some: Some(vec![1, 2]),
        none: None,
        set: [3].into(),
        array: [4, 5],
    };
    let entries: Vec<_> = entries(&lists)
        .into_iter()
        .map(|(ordinal, entry)| format!("{ordinal}{entry}"))
        .collect();
    assert_eq!(
        entries,
        [
            "0[Unsigned(1)]",
            "0[Unsigned(2)]",
            "2[Unsigned(3)]",
            "3[Unsigned(4)]",
            "3[Unsigned(5)]"
        ]
    );
}

/// The signatures: what finders take. Not run, since there is no database here.
#[allow(dead_code, reason = "that it compiles is the test")]
fn finders_take_values_references_and_text(db: &Db, org: Id<User>, time: Timestamp) {
    let text = String::from("pro");
    drop((
        User::find_by_email(db, "ada@example.org"),
        User::find_by_email(db, text.clone()),
        User::find_by_email(db, &text),
    ));
    drop((
        User::find_by_plan(db, "pro"),
        User::count_by_plan(db, &text),
        User::delete_by_plan(db, "pro"),
    ));
    drop((
        User::find_by_age(db, 3),
        User::find_by_age_in(db, 18..=65),
        User::find_by_age_in(db, ..),
    ));
    drop((
        User::find_by_tags(db, "math"),
        User::count_by_tags(db, "math"),
        User::delete_by_tags(db, "math"),
    ));
    drop((
        User::find_by_plan_and_slug(db, "pro", "ada"),
        User::find_by_plan_and_slug(Session::from(db), &text, "ada"),
    ));
    drop((
        User::find_by_org_date(db, org, time),
        User::find_by_org_date_in(db, &org, time..),
    ));
    drop(User::find_by_org_date_in(db, None, ..time));
}

macro_rules! document_named {
    ($type:ident, $name:literal) => {
        #[derive(Serialize, Deserialize, Document)]
        #[document(name = $name, version = 1)]
        pub struct $type {
            #[key]
            pub id: String,
        }
    };
}
document_named!(FromMacro, "from-macro");

#[test]
fn attributes_take_literals_of_macros() {
    assert_eq!(FromMacro::SPEC.collection, "from-macro");
}
