//! What the fuzz targets share: a document type's facts, with one index of each number of components.

use smarterbase_core::document::{
    ComponentSpec, DocumentSpec, FieldSpec, History, IndexKind, IndexSpec, KeyKind, Shape, UnknownMembers,
    index_value::Encoding,
};

const COMPONENT: ComponentSpec = ComponentSpec {
    field: "a",
    origin: "a",
    touched: 1,
    encoding: Encoding::plain("string"),
    lower: None,
    computed: None,
};

static SHAPE: Shape = Shape::Leaf("String");

const fn index(kind: IndexKind, components: &'static [ComponentSpec]) -> IndexSpec {
    IndexSpec {
        name: "fuzzed",
        kind,
        each: false,
        range: true,
        components,
        predicate: None,
    }
}

/// Ordinals 0 to 3 are indexes of one to four components, 4 is a unique definition.
pub static SPEC: DocumentSpec = DocumentSpec {
    type_name: "Fuzzed",
    collection: "fuzzed",
    schema_version: 1,
    shards: 1,
    key_field: "id",
    key_kind: KeyKind::Text,
    fields: &[FieldSpec {
        name: "a",
        aliases: &["b"],
        shape: &SHAPE,
    }],
    computed: &[],
    indexes: &[
        index(IndexKind::Index, &[COMPONENT]),
        index(IndexKind::Index, &[COMPONENT, COMPONENT]),
        index(IndexKind::Index, &[COMPONENT, COMPONENT, COMPONENT]),
        index(
            IndexKind::Index,
            &[COMPONENT, COMPONENT, COMPONENT, COMPONENT],
        ),
        index(IndexKind::Unique, &[COMPONENT]),
    ],
    references: &[],
    unknown: UnknownMembers::Keep,
    keeps_history: false,
    history: History::none(1),
};
