//! The types as TypeScript declarations: what `JSON.parse` gives. Integers over 2^53 lose digits there, as everywhere in
//! JavaScript.

use smarterbase_schema::{Form, Part, Representation, Shape, Type};

use super::{Content, Value, World, content, type_name, type_of};

/// One declaration for each type.
pub(super) fn write(world: &World) -> String {
    let declarations: Vec<String> = world
        .types()
        .map(|(lock, shape)| Writer(world).declaration(&type_name(lock), shape))
        .collect();
    declarations.join("\n")
}

/// Writes the types of a world.
struct Writer<'a>(&'a World);

impl Writer<'_> {
    fn declaration(&self, name: &str, shape: &Shape) -> String {
        match shape.form {
            Form::Struct => {
                let members: String = shape
                    .parts
                    .iter()
                    .map(|part| format!("  {};\n", self.member(part)))
                    .collect();
                format!("export interface {name} {{\n{members}}}\n")
            }
            Form::Tuple => {
                let parts: Vec<String> = shape.parts.iter().map(|part| self.part(part)).collect();
                format!("export type {name} = [{}];\n", parts.join(", "))
            }
            Form::Newtype => {
                let inner = shape
                    .parts
                    .first()
                    .map_or("unknown".to_owned(), |part| self.part(part));
                format!("export type {name} = {inner};\n")
            }
            Form::Enum => {
                let variants: String = shape
                    .parts
                    .iter()
                    .map(|variant| {
                        format!("\n  | {}", self.variant(&shape.representation, variant))
                    })
                    .collect();
                format!("export type {name} ={variants};\n")
            }
        }
    }

    fn member(&self, part: &Part) -> String {
        let optional = part.parsed().optional().is_some() || part.is_opaque();
        let mark = if optional { "?" } else { "" };
        format!("{}{mark}: {}", name(&part.name), self.part(part))
    }

    fn members(&self, parts: &[Part]) -> String {
        let members: Vec<String> = parts.iter().map(|part| self.member(part)).collect();
        format!("{{ {} }}", members.join("; "))
    }

    fn part(&self, part: &Part) -> String {
        type_of(part).map_or("unknown".to_owned(), |ty| self.of(&ty))
    }

    fn of(&self, ty: &Type) -> String {
        match self.0.value(ty) {
            Value::Text(_) => "string".to_owned(),
            Value::Boolean => "boolean".to_owned(),
            Value::Integer { .. } | Value::Number => "number".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Duration => "{ secs: number; nanos: number }".to_owned(),
            Value::Named(name) => self.name_of(name),
            Value::Optional(part) => format!("{} | null", self.of(&part)),
            Value::List(part, _) | Value::Set(part) => format!("Array<{}>", self.of(&part)),
            Value::Map(part) => format!("Record<string, {}>", self.of(&part)),
            Value::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.of(part)).collect();
                format!("[{}]", parts.join(", "))
            }
            Value::Anything => "unknown".to_owned(),
        }
    }

    fn name_of(&self, stored: &str) -> String {
        let lock = self.0.types().find(|(lock, _)| lock.name == stored);
        lock.map_or_else(|| "unknown".to_owned(), |(lock, _)| type_name(lock))
    }

    fn variant(&self, representation: &Representation, variant: &Part) -> String {
        let literal = quoted(&variant.name);
        let content = content(variant);
        let value = match &content {
            Content::Unit => "null".to_owned(),
            Content::Members(parts) => self.members(parts),
            Content::Value(ty) => self.of(ty),
        };
        let is_unit = matches!(content, Content::Unit);
        match (
            representation.untagged,
            &representation.tag,
            &representation.content,
        ) {
            (true, _, _) => value,
            (_, Some(tag), _) if is_unit => format!("{{ {}: {literal} }}", name(tag)),
            (_, Some(tag), Some(content)) => {
                format!("{{ {}: {literal}; {}: {value} }}", name(tag), name(content))
            }
            (_, Some(tag), None) => format!("({{ {}: {literal} }} & {value})", name(tag)),
            _ if is_unit => literal,
            _ => format!("{{ {}: {value} }}", name(&variant.name)),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The name of a member: as it is where it is an identifier.
fn name(name: &str) -> String {
    let is_identifier = !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_identifier {
        name.to_owned()
    } else {
        quoted(name)
    }
}
