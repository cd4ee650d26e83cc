//! Sample documents, made of nothing but the shape of a type: always the same ones, so that they can be checked in.

use crate::{
    document::{DocumentSpec, EmbeddedForm, EmbeddedSpec, Shape},
    format::{Nonce, envelope::Envelope, upgrade},
    migration::Representation,
};

/// The samples of a type at the version of today, as stored objects: one for each variant of its largest enum, with every
/// optional part there, and a last one without them.
///
/// Texts are `1`, so that steps that read numbers out of texts get through. An opaque field is `null`, an array has one
/// element: where a type does not read these, its samples must be written by hand.
#[must_use]
pub fn documents(spec: &DocumentSpec) -> Vec<String> {
    let fields: Vec<(&str, &Shape)> = spec
        .fields
        .iter()
        .map(|field| (field.name, field.shape))
        .collect();
    let variants = fields
        .iter()
        .map(|(_, shape)| largest_enum(shape))
        .fold(1, usize::max);
    let full = (0..variants).map(|variant| Sample {
        variant,
        is_full: true,
    });
    let bare = Sample {
        variant: 0,
        is_full: false,
    };
    full.chain([bare])
        .map(|sample| stored(spec, &sample.object(&fields)))
        .collect()
}

/// The object as this program would store it.
fn stored(spec: &DocumentSpec, body: &str) -> String {
    let put = Nonce::parse("00000000000000000000").expect("20 characters of base32hex");
    let mut envelope = Envelope::first(put);
    envelope.schema = spec.schema_version;
    envelope.shape = upgrade::written_by(spec);
    String::from_utf8(envelope.seal(body.as_bytes()).to_vec()).expect("JSON is UTF-8")
}

/// How many variants the largest enum in a shape has.
fn largest_enum(shape: &Shape) -> usize {
    match shape {
        Shape::Leaf(_) | Shape::Opaque => 1,
        Shape::Generic(_, parameters) => largest(parameters.iter().copied()),
        Shape::Members(parts) => largest(parts.iter().map(|(_, part)| *part)),
        Shape::Embedded(spec) => {
            let inside = largest(spec.parts.iter().map(|(_, part)| *part));
            match spec.form {
                EmbeddedForm::Enum(_) => inside.max(spec.parts.len()),
                _ => inside,
            }
        }
    }
}

fn largest<'a>(shapes: impl Iterator<Item = &'a Shape>) -> usize {
    shapes.map(largest_enum).fold(1, usize::max)
}

/// One sample: which variant its enums have, and whether its optional parts are there.
#[derive(Clone, Copy)]
struct Sample {
    variant: usize,
    is_full: bool,
}

impl Sample {
    fn value(self, shape: &Shape) -> String {
        match shape {
            Shape::Leaf(name) => leaf(name).to_owned(),
            Shape::Opaque => "null".to_owned(),
            Shape::Generic("Option", _) if !self.is_full => "null".to_owned(),
            Shape::Generic("Vec" | "Set", _) if !self.is_full => "[]".to_owned(),
            Shape::Generic("Map", _) if !self.is_full => "{}".to_owned(),
            Shape::Generic("Map", parameters) => {
                format!(
                    "{{{}:{}}}",
                    key(&self.value(parameters[0])),
                    self.value(parameters[1])
                )
            }
            Shape::Generic("Option" | "Box", parameters) => self.value(parameters[0]),
            Shape::Generic(_, parameters) => self.list(parameters.iter().copied()),
            Shape::Members(parts) => self.object(parts),
            Shape::Embedded(spec) => self.embedded(spec),
        }
    }

    fn embedded(self, spec: &EmbeddedSpec) -> String {
        match spec.form {
            EmbeddedForm::Struct => self.object(spec.parts),
            EmbeddedForm::Tuple => self.list(spec.parts.iter().map(|(_, part)| *part)),
            EmbeddedForm::Newtype => self.value(spec.parts[0].1),
            EmbeddedForm::Enum(representation) => match spec.parts {
                [] => "null".to_owned(),
                parts => {
                    let (name, content) = parts[self.variant % parts.len()];
                    self.variant(representation, name, content)
                }
            },
        }
    }

    fn variant(self, representation: Representation, name: &str, content: &Shape) -> String {
        let is_unit = *content == Shape::Leaf("()");
        let value = self.value(content);
        let quoted = text(name);
        match representation {
            _ if name == "@untagged" => value,
            Representation::Untagged => value,
            Representation::Named if is_unit => quoted,
            Representation::Named => format!("{{{quoted}:{value}}}"),
            Representation::Tagged(tag) => tagged(tag, &quoted, &value),
            Representation::Adjacent(tag, _) if is_unit => format!("{{{}:{quoted}}}", text(tag)),
            Representation::Adjacent(tag, content) => {
                format!("{{{}:{quoted},{}:{value}}}", text(tag), text(content))
            }
        }
    }

    fn object(self, parts: &[(&str, &Shape)]) -> String {
        let members: Vec<String> = parts
            .iter()
            .map(|(name, shape)| format!("{}:{}", text(name), self.value(shape)))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn list<'a>(self, shapes: impl Iterator<Item = &'a Shape>) -> String {
        let elements: Vec<String> = shapes.map(|shape| self.value(shape)).collect();
        format!("[{}]", elements.join(","))
    }
}

/// The tag stands among the members of the content.
fn tagged(tag: &str, name: &str, content: &str) -> String {
    let members = content
        .strip_prefix('{')
        .and_then(|members| members.strip_suffix('}'))
        .filter(|members| !members.is_empty());
    let members = members
        .map(|members| format!(",{members}"))
        .unwrap_or_default();
    format!("{{{}:{name}{members}}}", text(tag))
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as the name of a member: texts as they are, everything else as serde writes keys.
fn key(value: &str) -> String {
    if value.starts_with('"') {
        value.to_owned()
    } else {
        text(value)
    }
}

fn leaf(name: &str) -> &'static str {
    match name {
        "String" | "char" | "PathBuf" => r#""1""#,
        "bool" => "true",
        "f32" | "f64" => "1.5",
        "()" => "null",
        "Uuid" | "Id" => r#""01890000-0000-7000-8000-000000000001""#,
        "Timestamp" => r#""2026-01-02T03:04:05Z""#,
        "Duration" => r#"{"secs":1,"nanos":0}"#,
        "IpAddr" | "Ipv4Addr" => r#""192.0.2.1""#,
        "Ipv6Addr" => r#""2001:db8::1""#,
        "SocketAddr" => r#""192.0.2.1:80""#,
        "Json" => "{}",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, Shape};
    use crate::{
        document::{EmbeddedForm, EmbeddedSpec},
        migration::Representation,
    };

    const FULL: Sample = Sample {
        variant: 1,
        is_full: true,
    };

    fn variants(representation: Representation) -> String {
        let spec = EmbeddedSpec {
            name: "Plan",
            version: 1,
            readable_from: 1,
            parameters: &[],
            form: EmbeddedForm::Enum(representation),
            parts: &[
                ("Free", &Shape::Leaf("()")),
                ("Team", &Shape::Members(&[("seats", &Shape::Leaf("u32"))])),
            ],
            migrations: &[],
        };
        let free = Sample { variant: 2, ..FULL };
        format!("{} {}", free.embedded(&spec), FULL.embedded(&spec))
    }

    #[test]
    fn variants_are_written_as_serde_writes_them() {
        assert_eq!(
            variants(Representation::Named),
            r#""Free" {"Team":{"seats":1}}"#
        );
        assert_eq!(
            variants(Representation::Tagged("kind")),
            r#"{"kind":"Free"} {"kind":"Team","seats":1}"#
        );
        assert_eq!(
            variants(Representation::Adjacent("t", "c")),
            r#"{"t":"Free"} {"t":"Team","c":{"seats":1}}"#
        );
        assert_eq!(variants(Representation::Untagged), r#"null {"seats":1}"#);
    }

    #[test]
    fn optional_parts_are_there_or_all_absent() {
        const NUMBER: &Shape = &Shape::Leaf("u8");
        const SHAPE: Shape = Shape::Members(&[
            ("a", &Shape::Generic("Option", &[NUMBER])),
            ("b", &Shape::Generic("Vec", &[NUMBER])),
            ("c", &Shape::Generic("Map", &[NUMBER, NUMBER])),
        ]);
        assert_eq!(FULL.value(&SHAPE), r#"{"a":1,"b":[1],"c":{"1":1}}"#);
        let bare = Sample {
            is_full: false,
            ..FULL
        };
        assert_eq!(bare.value(&SHAPE), r#"{"a":null,"b":[],"c":{}}"#);
    }
}
