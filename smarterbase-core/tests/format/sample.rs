//! A document type and the specs of indexes that the tests speak of.

use serde::{Deserialize, Serialize};
use smarterbase_core::{
    document::{
        ComponentSpec, Document, DocumentSpec, FieldSpec, History, Id, IndexKind, IndexSink,
        IndexSpec, IndexValue, KeyKind, Moment, Shape, UnknownMembers, index_value::Encoding,
    },
    format::{
        Envelope, Nonce,
        envelope::{Past, State},
    },
};

/// A document with every kind of member that matters to bodies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: Id<User>,
    #[serde(alias = "mail")]
    pub(crate) email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    #[serde(default)]
    pub(crate) score: f64,
}

static SHAPE: Shape = Shape::Leaf("String");

const fn field(name: &'static str, aliases: &'static [&'static str]) -> FieldSpec {
    FieldSpec {
        name,
        aliases,
        shape: &SHAPE,
    }
}

pub(crate) const fn component(field: &'static str, name: &'static str) -> ComponentSpec {
    ComponentSpec {
        field,
        origin: field,
        touched: 1,
        encoding: Encoding::plain(name),
        lower: None,
        computed: None,
    }
}

const fn definition(
    name: &'static str,
    kind: IndexKind,
    components: &'static [ComponentSpec],
) -> IndexSpec {
    IndexSpec {
        name,
        kind,
        each: false,
        range: true,
        ttl: None,
        components,
        predicate: None,
    }
}

const FOUR: &[ComponentSpec] = &[
    component("a", "string"),
    component("b", "string"),
    component("c", "string"),
    component("d", "string"),
];

/// The ordinals of [`SPEC`].
pub(crate) const ONE: u16 = 0;
pub(crate) const TWO: u16 = 1;
pub(crate) const THREE_COMPONENTS: u16 = 2;
pub(crate) const FOUR_COMPONENTS: u16 = 3;
pub(crate) const UNIQUE: u16 = 4;
pub(crate) const UNIQUE_LOWER: u16 = 5;
pub(crate) const SCOPED_UNIQUE: u16 = 6;

pub(crate) static SPEC: DocumentSpec = DocumentSpec {
    type_name: "User",
    collection: "users",
    schema_version: 2,
    shards: 1,
    key_field: "id",
    key_kind: KeyKind::Uuid,
    fields: &[
        field("id", &[]),
        field("email", &["mail"]),
        field("plan", &[]),
        field("score", &[]),
    ],
    computed: &[],
    indexes: &[
        definition("one", IndexKind::Index, FOUR.split_at(1).0),
        definition("two", IndexKind::Index, FOUR.split_at(2).0),
        definition("three", IndexKind::Index, FOUR.split_at(3).0),
        definition("four", IndexKind::Index, FOUR),
        definition("email", IndexKind::Unique, &[component("email", "string")]),
        definition(
            "name",
            IndexKind::Unique,
            &[ComponentSpec {
                field: "name",
                origin: "name",
                touched: 1,
                encoding: Encoding::plain("string"),
                lower: Some(1),
                computed: None,
            }],
        ),
        definition(
            "org-email",
            IndexKind::Unique,
            &[component("org", "uuid"), component("email", "string")],
        ),
    ],
    references: &[],
    unknown: UnknownMembers::Keep,
    keeps_history: false,
    history: History::none(2),
};

impl Document for User {
    type Key = Id<User>;
    type Fields = ();
    const COLLECTION: &'static str = SPEC.collection;
    const SPEC: &'static DocumentSpec = &SPEC;
    const HANDLES: () = ();

    fn key(&self) -> &Id<User> {
        &self.id
    }

    fn field(&self, _position: u16) -> &dyn std::any::Any {
        unreachable!("nothing here queries")
    }

    fn index_values(&self, sink: &mut dyn IndexSink) {
        sink.entry(ONE, &[self.plan.scalar()]);
        sink.entry(UNIQUE, &[self.email.scalar()]);
    }

    fn stamp(&mut self, _moment: &mut Moment<'_>) {}
}

pub(crate) const ADA: &str = "0199c7f5-5f0a-7e2b-9c1d-0123456789ab";

pub(crate) fn ada_id() -> Id<User> {
    ADA.parse().unwrap()
}

pub(crate) fn ada() -> User {
    User {
        id: ada_id(),
        email: "ada@example.org".into(),
        plan: Some("pro".into()),
        score: 1.5,
    }
}

/// A nonce that shows in a failure which one it is.
pub(crate) fn nonce(digit: char) -> Nonce {
    Nonce::parse(&digit.to_string().repeat(Nonce::LENGTH)).unwrap()
}

/// An envelope with something in every member but `rewrite` and `intent`.
pub(crate) fn envelope() -> Envelope {
    Envelope {
        put: nonce('p'),
        format: 1,
        needs: Vec::new(),
        schema: 2,
        shape: Default::default(),
        state: State::Live,
        rev: 7,
        write: nonce('7'),
        rewrite: false,
        prev: vec![past(6, '6'), past(5, '5')],
        created: Some("2026-11-20T14:52:11.12Z".parse().unwrap()),
        updated: Some("2026-11-20T15:00:00Z".parse().unwrap()),
        catalog: 12,
        index: [(
            "plan-1f0c9a2b".to_owned(),
            vec!["4-44444444444444444444-0011aabb".to_owned()],
        )]
        .into(),
        unique: [("email-77aa01c3".to_owned(), "0".repeat(40))].into(),
        intent: None,
    }
}

pub(crate) fn past(rev: u64, write: char) -> Past {
    Past {
        rev,
        write: nonce(write),
        rewrite: false,
    }
}
