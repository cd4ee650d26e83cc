//! Rust types as text: as they stand in a lock, and in the form in which they are compared.

use std::fmt;

/// A Rust type, as far as a lock looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `Option<String>`, `model::Address`, `u32`.
    Path {
        /// The path without parameters.
        name: String,
        /// The parameters.
        parameters: Vec<Type>,
    },
    /// `(A, B)`; `()` has no parts.
    Tuple(Vec<Type>),
    /// `[T; 4]`, with its length as written.
    Array(Box<Type>, String),
    /// Anything else, without white space.
    Other(String),
}

/// The text of a field whose type is not tracked.
pub const OPAQUE: &str = "opaque";

/// Types of the standard library that are stored alike.
const ALIKE: &[(&str, &str)] = &[
    ("BTreeMap", "Map"),
    ("HashMap", "Map"),
    ("BTreeSet", "Set"),
    ("HashSet", "Set"),
    ("serde_json::Value", "Json"),
];

/// Paths whose last segment says everything.
const PLAIN_ROOTS: &[&str] = &["std", "core", "alloc", "smarterbase", "uuid"];

/// The types that every lock means the same by. Each is written in the form in which types are compared.
const KNOWN: &[&str] = &[
    "bool",
    "char",
    "String",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "f32",
    "f64",
    "Uuid",
    "Timestamp",
    "Duration",
    "PathBuf",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "Json",
    "Id",
    "Option",
    "Vec",
    "Set",
    "Map",
    "Box",
];

/// Whether a text is one known type without parameters: then it is compared as it is written.
#[must_use]
pub fn is_known_word(text: &str) -> bool {
    KNOWN.contains(&text)
}

/// As [`Type::is_known`], of a text.
#[must_use]
pub fn is_known(text: &str) -> bool {
    is_known_word(text) || Type::parse(text).is_known()
}

impl Type {
    /// Reads the text of a type. What is not understood is kept as it is, without white space.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader { rest: text.trim() };
        match reader.read() {
            Some(read) if reader.rest.trim().is_empty() => read,
            _ => Self::Other(text.split_whitespace().collect()),
        }
    }

    /// The form in which types are compared: what is stored alike has the same one.
    ///
    /// `std::collections::HashMap<String, u32>` and `BTreeMap<String, u32>` are `Map<String, u32>`, `Id<User>` is `Id`.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::Path { name, parameters } => canonical_path(name, parameters),
            Self::Tuple(parts) => Self::Tuple(parts.iter().map(Self::canonical).collect()),
            Self::Array(part, _) => Self::Array(Box::new(part.canonical()), String::new()),
            Self::Other(text) => Self::Other(text.clone()),
        }
    }

    /// Whether the type says by its name alone how it is stored, so that another name is another form.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self.canonical() {
            Self::Path { name, parameters } => {
                KNOWN.contains(&name.as_str()) && parameters.iter().all(Self::is_known)
            }
            Self::Tuple(parts) => parts.iter().all(Self::is_known),
            Self::Array(part, _) => part.is_known(),
            Self::Other(_) => false,
        }
    }

    /// The parameter of `Option<_>`.
    #[must_use]
    pub fn optional(&self) -> Option<&Self> {
        match self {
            Self::Path { name, parameters } if last_segment(name) == "Option" => parameters.first(),
            _ => None,
        }
    }

    /// Whether every stored value of this type also is one of `wider`: `u32` and `u64`, `T` and `Option<T>`.
    #[must_use]
    pub fn widens_to(&self, wider: &Self) -> bool {
        let (narrow, wide) = (self.canonical(), wider.canonical());
        if narrow == wide {
            return false;
        }
        match (narrow.optional(), wide.optional()) {
            (Some(narrow), Some(wide)) => narrow.widens_to(wide),
            (None, Some(wide)) => narrow == *wide || narrow.widens_to(wide),
            (Some(_), None) => false,
            (None, None) => number_widens(&narrow.to_string(), &wide.to_string()),
        }
    }
}

/// Whether every number of the type `narrow` is one of `wide`, without rounding.
fn number_widens(narrow: &str, wide: &str) -> bool {
    let Some(((narrow_signed, narrow_bits), (wide_signed, wide_bits))) =
        integer(narrow).zip(integer(wide))
    else {
        return is_exact_in_float(narrow, wide);
    };
    match (narrow_signed, wide_signed) {
        (false, false) | (true, true) => narrow_bits < wide_bits,
        (false, true) => narrow_bits < wide_bits,
        (true, false) => false,
    }
}

fn is_exact_in_float(narrow: &str, wide: &str) -> bool {
    match (narrow, wide) {
        ("f32", "f64") => true,
        (_, "f64") => integer(narrow).is_some_and(|(_, bits)| bits <= 32),
        (_, "f32") => integer(narrow).is_some_and(|(_, bits)| bits <= 16),
        _ => false,
    }
}

/// Whether an integer type has a sign, and its bits. `usize` has those of the machine, so it widens to nothing.
fn integer(name: &str) -> Option<(bool, u32)> {
    let (sign, bits) = name.split_at_checked(1)?;
    let bits = bits.parse().ok()?;
    match sign {
        "u" => Some((false, bits)),
        "i" => Some((true, bits)),
        _ => None,
    }
}

fn canonical_path(name: &str, parameters: &[Type]) -> Type {
    let name = name.trim_start_matches("::");
    let root = name.split("::").next().unwrap_or(name);
    let short = if PLAIN_ROOTS.contains(&root) {
        last_segment(name)
    } else {
        name
    };
    let name = ALIKE
        .iter()
        .find(|(from, _)| *from == short)
        .map_or(short, |(_, to)| to);
    let kept = match name {
        "Id" => 0,
        "Set" => 1,
        "Map" => 2,
        _ => parameters.len(),
    };
    Type::Path {
        name: name.to_owned(),
        parameters: parameters.iter().take(kept).map(Type::canonical).collect(),
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { name, parameters } if parameters.is_empty() => f.write_str(name),
            Self::Path { name, parameters } => write!(f, "{name}<{}>", join(parameters)),
            Self::Tuple(parts) => match &parts[..] {
                [one] => write!(f, "({one},)"),
                parts => write!(f, "({})", join(parts)),
            },
            Self::Array(part, length) if length.is_empty() => write!(f, "[{part}]"),
            Self::Array(part, length) => write!(f, "[{part}; {length}]"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

fn join(types: &[Type]) -> String {
    let texts: Vec<String> = types.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Reads types from the front of a text.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<Type> {
        if self.take("(") {
            return self.list(")").map(Type::Tuple);
        }
        if self.take("[") {
            return self.array();
        }
        let name = self.name()?;
        let parameters = if self.take("<") {
            self.list(">")?
        } else {
            Vec::new()
        };
        Some(Type::Path { name, parameters })
    }

    fn array(&mut self) -> Option<Type> {
        let part = self.read()?;
        let length = if self.take(";") {
            let end = self.rest.find(']')?;
            let (length, rest) = self.rest.split_at(end);
            self.rest = rest;
            length.split_whitespace().collect()
        } else {
            String::new()
        };
        self.take("]").then(|| Type::Array(Box::new(part), length))
    }

    fn list(&mut self, end: &str) -> Option<Vec<Type>> {
        let mut types = Vec::new();
        while !self.take(end) {
            types.push(self.read()?);
            if !self.take(",") && !self.rest.trim_start().starts_with(end) {
                return None;
            }
        }
        Some(types)
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A path, with the white space that token printers put around `::` removed.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            let rest = self.rest.trim_start();
            let word: String = rest
                .chars()
                .take_while(|next| next.is_alphanumeric() || matches!(next, '_' | '#'))
                .collect();
            if !word.is_empty() && (name.is_empty() || name.ends_with("::")) {
                self.rest = &rest[word.len()..];
                name.push_str(&word);
            } else if !name.ends_with("::") && self.take("::") {
                // A turbofish is the same type.
                if !self.rest.trim_start().starts_with('<') {
                    name.push_str("::");
                }
            } else {
                break;
            }
        }
        (!name.is_empty() && !name.ends_with("::")).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Type;

    fn canonical(text: &str) -> String {
        Type::parse(text).canonical().to_string()
    }

    #[test]
    fn types_are_written_as_people_write_them() {
        for (text, expected) in [
            ("Option < String >", "Option<String>"),
            ("std :: vec :: Vec < u8 >", "std::vec::Vec<u8>"),
            (
                "HashMap<String,Vec<(u8,u16)>>",
                "HashMap<String, Vec<(u8, u16)>>",
            ),
            ("[ u8 ; 16 ]", "[u8; 16]"),
            ("(String,)", "(String,)"),
            ("()", "()"),
            ("Vec :: < u8 >", "Vec<u8>"),
            ("r#type", "r#type"),
            ("& 'static str", "&'staticstr"),
        ] {
            assert_eq!(Type::parse(text).to_string(), expected);
        }
    }

    #[test]
    fn types_that_are_stored_alike_are_equal() {
        for (text, expected) in [
            ("std::collections::HashMap<String, u32>", "Map<String, u32>"),
            ("BTreeMap<String, u32>", "Map<String, u32>"),
            ("HashMap<String, u32, ahash::State>", "Map<String, u32>"),
            ("Id<User>", "Id"),
            ("::smarterbase::Id<super::Org>", "Id"),
            ("[u8; 4]", "[u8]"),
            ("serde_json::Value", "Json"),
            ("crate::model::Address", "crate::model::Address"),
            ("Option<::std::string::String>", "Option<String>"),
        ] {
            assert_eq!(canonical(text), expected);
        }
    }

    #[test]
    fn canonical_text_is_canonical() {
        for text in ["Map<String, u32>", "[u8]", "(A, B)", "Json", "opaque", "Id"] {
            assert_eq!(canonical(text), text);
        }
    }

    #[test]
    fn known_types_are_compared_as_they_are_written() {
        for known in super::KNOWN {
            assert_eq!(canonical(known), *known);
        }
    }

    #[test]
    fn only_types_of_the_standard_library_are_known() {
        for known in [
            "u32",
            "Option<Vec<String>>",
            "HashMap<String, [u8; 2]>",
            "(u8, Id<User>)",
        ] {
            assert!(Type::parse(known).is_known(), "{known}");
        }
        for unknown in ["Address", "Vec<Plan>", "model::String", "&str"] {
            assert!(!Type::parse(unknown).is_known(), "{unknown}");
        }
    }

    #[test]
    fn a_type_widens_to_one_that_holds_all_of_its_values() {
        let widens = |narrow, wide| Type::parse(narrow).widens_to(&Type::parse(wide));
        for (narrow, wide) in [
            ("u32", "u64"),
            ("u8", "i16"),
            ("i8", "i128"),
            ("f32", "f64"),
            ("u32", "f64"),
            ("Address", "Option<Address>"),
            ("u32", "Option<u64>"),
            ("Option<u32>", "Option<u64>"),
        ] {
            assert!(widens(narrow, wide), "{narrow} to {wide}");
        }
        for (narrow, wide) in [
            ("u32", "u32"),
            ("u32", "i32"),
            ("i8", "u64"),
            ("u64", "f64"),
            ("usize", "u64"),
            ("Option<u32>", "u32"),
            ("String", "u32"),
            ("Vec<u32>", "Vec<u64>"),
        ] {
            assert!(!widens(narrow, wide), "{narrow} to {wide}");
        }
    }
}
