//! The types as JSON Schema, draft 2020-12.

use serde_json::{Map, Value as Json, json};
use smarterbase_schema::{Form, Part, Representation, Shape, Type};

use super::{Content, Value, World, content, type_of};

/// One schema with a definition for each type, by its stored name.
pub(super) fn write(world: &World) -> String {
    let definitions: Map<String, Json> = world
        .types()
        .map(|(lock, shape)| (lock.name.clone(), Writer(world).schema(shape)))
        .collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
    });
    super::pretty(&schema)
        .map(|text| text + "\n")
        .unwrap_or_default()
}

/// Writes the types of a world.
struct Writer<'a>(&'a World);

impl Writer<'_> {
    fn schema(&self, shape: &Shape) -> Json {
        match shape.form {
            Form::Struct => self.object(&shape.parts),
            Form::Tuple => Self::tuple(shape.parts.iter().map(|part| self.part(part)).collect()),
            Form::Newtype => shape
                .parts
                .first()
                .map_or(json!({}), |part| self.part(part)),
            Form::Enum => {
                let variants: Vec<Json> = shape
                    .parts
                    .iter()
                    .map(|variant| self.variant(&shape.representation, variant))
                    .collect();
                json!({ "oneOf": variants })
            }
        }
    }

    /// Members that the type does not have are kept, so they are allowed.
    fn object(&self, parts: &[Part]) -> Json {
        let properties: Map<String, Json> = parts
            .iter()
            .map(|part| (part.name.clone(), self.part(part)))
            .collect();
        let required: Vec<&str> = parts
            .iter()
            .filter(|part| part.parsed().optional().is_none() && !part.is_opaque())
            .map(|part| part.name.as_str())
            .collect();
        json!({ "type": "object", "properties": properties, "required": required })
    }

    fn tuple(elements: Vec<Json>) -> Json {
        let count = elements.len();
        json!({ "type": "array", "prefixItems": elements, "minItems": count, "maxItems": count })
    }

    fn part(&self, part: &Part) -> Json {
        type_of(part).map_or(json!({}), |ty| self.of(&ty))
    }

    fn of(&self, ty: &Type) -> Json {
        match self.0.value(ty) {
            Value::Text(None) => json!({ "type": "string" }),
            Value::Text(Some(format)) => json!({ "type": "string", "format": format }),
            Value::Boolean => json!({ "type": "boolean" }),
            Value::Integer { unsigned: true } => json!({ "type": "integer", "minimum": 0 }),
            Value::Integer { unsigned: false } => json!({ "type": "integer" }),
            Value::Number => json!({ "type": "number" }),
            Value::Null => json!({ "type": "null" }),
            Value::Duration => self.object(&[Part::new("secs", "u64"), Part::new("nanos", "u32")]),
            Value::Named(name) => json!({ "$ref": format!("#/$defs/{name}") }),
            Value::Optional(part) => json!({ "anyOf": [self.of(&part), { "type": "null" }] }),
            Value::List(part, Some(length)) => {
                json!({ "type": "array", "items": self.of(&part), "minItems": length, "maxItems": length })
            }
            Value::List(part, None) => json!({ "type": "array", "items": self.of(&part) }),
            Value::Set(part) => {
                json!({ "type": "array", "items": self.of(&part), "uniqueItems": true })
            }
            Value::Map(part) => json!({ "type": "object", "additionalProperties": self.of(&part) }),
            Value::Tuple(parts) => Self::tuple(parts.iter().map(|part| self.of(part)).collect()),
            Value::Anything => json!({}),
        }
    }

    fn variant(&self, representation: &Representation, variant: &Part) -> Json {
        let name = json!({ "const": variant.name });
        let content = content(variant);
        let value = match &content {
            Content::Unit => json!({ "type": "null" }),
            Content::Members(parts) => self.object(parts),
            Content::Value(ty) => self.of(ty),
        };
        match (representation, &content) {
            (representation, _) if representation.untagged => value,
            (
                Representation {
                    tag: Some(tag),
                    content: None,
                    ..
                },
                Content::Unit,
            ) => object_of(&[(tag, name)]),
            (
                Representation {
                    tag: Some(tag),
                    content: None,
                    ..
                },
                _,
            ) => {
                json!({ "allOf": [value, object_of(&[(tag, name)])] })
            }
            (Representation { tag: Some(tag), .. }, Content::Unit) => object_of(&[(tag, name)]),
            (
                Representation {
                    tag: Some(tag),
                    content: Some(content),
                    ..
                },
                _,
            ) => object_of(&[(tag, name), (content, value)]),
            (_, Content::Unit) => name,
            _ => object_of(&[(&variant.name, value)]),
        }
    }
}

fn object_of(members: &[(&String, Json)]) -> Json {
    let properties: Map<String, Json> = members
        .iter()
        .map(|(name, schema)| ((*name).clone(), schema.clone()))
        .collect();
    let required: Vec<&String> = members.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}
