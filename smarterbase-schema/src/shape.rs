//! What one version of a type looks like: names and types, and how serde writes variants.

use crate::{
    digest::Digest,
    types::{self, Type},
};

/// One version of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What its parts are.
    pub form: Form,
    /// The stored name of the key field of a document.
    pub key: Option<String>,
    /// Fields or variants, as they were declared.
    pub parts: Vec<Part>,
    /// How an enum is written.
    pub representation: Representation,
}

/// What the parts of a shape are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The members of an object.
    Struct,
    /// The elements of an array, named by their positions.
    Tuple,
    /// The value itself; its part is called `0`.
    Newtype,
    /// The variants of an enum.
    Enum,
}

/// A field, or a variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The stored name.
    pub name: String,
    /// The type as written; `opaque` when it is not tracked. For a variant its content: `()`, a type, a tuple, or
    /// `{name: Type}`.
    pub ty: String,
}

/// How serde writes the variants of an enum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Representation {
    /// `#[serde(tag = "..")]`.
    pub tag: Option<String>,
    /// `#[serde(content = "..")]`.
    pub content: Option<String>,
    /// `#[serde(untagged)]`.
    pub untagged: bool,
}

impl Shape {
    /// A struct without a key and without fields.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            key: None,
            parts: Vec::new(),
            representation: Representation::default(),
        }
    }

    /// The part with this stored name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The names of all parts, for messages.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        names.join(", ")
    }

    /// What the parts are called in messages.
    #[must_use]
    pub const fn part_word(&self) -> &'static str {
        match self.form {
            Form::Enum => "variant",
            Form::Struct | Form::Tuple | Form::Newtype => "field",
        }
    }

    /// 64 bits that stand for everything that is stored: equal for shapes that are stored alike, whatever the order of
    /// their declarations.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut parts: Vec<(&str, String)> = self
            .parts
            .iter()
            .map(|part| (part.name.as_str(), part.canonical()))
            .collect();
        if self.form != Form::Tuple {
            parts.sort();
        }
        let head = Digest::new()
            .text(self.form.name())
            .text(self.key.as_deref().unwrap_or_default())
            .text(&self.representation.to_string());
        parts
            .iter()
            .fold(head, |digest, (name, ty)| digest.text(name).text(ty))
            .finish()
    }
}

impl Part {
    /// A part with this name and type.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: &str) -> Self {
        Self {
            name: name.into(),
            ty: ty.to_owned(),
        }
    }

    /// The type in the form in which types are compared.
    #[must_use]
    pub fn canonical(&self) -> String {
        if types::is_known_word(&self.ty) {
            return self.ty.clone();
        }
        if self.ty.starts_with('{') {
            return canonical_members(&self.ty);
        }
        self.parsed().canonical().to_string()
    }

    /// The type.
    #[must_use]
    pub fn parsed(&self) -> Type {
        Type::parse(&self.ty)
    }

    /// Whether the shape of the type is not tracked.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.ty == types::OPAQUE
    }
}

/// `{a: A, b: B}` with canonical types, sorted by name.
fn canonical_members(text: &str) -> String {
    let mut members: Vec<String> = members(text)
        .into_iter()
        .map(|(name, ty)| format!("{name}: {}", Type::parse(&ty).canonical()))
        .collect();
    members.sort();
    format!("{{{}}}", members.join(", "))
}

/// The names and types of `{a: A, b: B}`.
#[must_use]
pub fn members(text: &str) -> Vec<(String, String)> {
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    split_at_top(inner)
        .into_iter()
        .filter_map(|member| member.split_once(": "))
        .map(|(name, ty)| (name.trim().to_owned(), ty.trim().to_owned()))
        .collect()
}

/// Splits at commas that stand in no brackets.
fn split_at_top(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (position, letter) in text.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

impl Form {
    /// The word that stands in locks.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Struct => "struct",
            Self::Tuple => "tuple",
            Self::Newtype => "newtype",
            Self::Enum => "enum",
        }
    }

    /// The form of this word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Struct, Self::Tuple, Self::Newtype, Self::Enum]
            .into_iter()
            .find(|form| form.name() == name)
    }
}

impl std::fmt::Display for Representation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.tag, &self.content, self.untagged) {
            (_, _, true) => f.write_str("untagged"),
            (Some(tag), Some(content), _) => write!(f, "tag = {tag:?}, content = {content:?}"),
            (Some(tag), None, _) => write!(f, "tag = {tag:?}"),
            _ => f.write_str("by name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Part, Shape};

    fn shape(parts: &[(&str, &str)]) -> Shape {
        Shape {
            parts: parts
                .iter()
                .map(|(name, ty)| Part::new(*name, ty))
                .collect(),
            ..Shape::new(Form::Struct)
        }
    }

    #[test]
    fn the_order_of_fields_and_the_spelling_of_types_do_not_count() {
        let one = shape(&[("a", "HashMap<String, u8>"), ("b", "Id<User>")]);
        let other = shape(&[
            ("b", "smarterbase::Id<Account>"),
            ("a", "BTreeMap<String,u8>"),
        ]);
        assert_eq!(one.digest(), other.digest());
    }

    #[test]
    fn names_types_keys_forms_and_representations_count() {
        let base = shape(&[("a", "u8"), ("b", "u8")]);
        let mut keyed = base.clone();
        keyed.key = Some("a".to_owned());
        let mut tuple = base.clone();
        tuple.form = Form::Tuple;
        let mut tagged = base.clone();
        tagged.representation.tag = Some("kind".to_owned());
        let others = [
            shape(&[("a", "u8"), ("c", "u8")]),
            shape(&[("a", "u8"), ("b", "u16")]),
            shape(&[("a", "u8")]),
            keyed,
            tuple,
            tagged,
        ];
        for other in others {
            assert_ne!(base.digest(), other.digest(), "{other:?}");
        }
    }

    #[test]
    fn the_members_of_a_variant_are_compared_one_by_one() {
        let one = Part::new("V", "{b: HashMap<String, (u8, u8)>, a: u8}");
        let other = Part::new("V", "{a: u8, b: Map<String, (u8, u8)>}");
        assert_eq!(one.canonical(), other.canonical());
    }
}
