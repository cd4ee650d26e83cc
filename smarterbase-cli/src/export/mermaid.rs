//! The types as a Mermaid class diagram: what is stored in what.

use std::collections::BTreeSet;

use smarterbase_schema::{Form, Part, Type};

use super::{Content, Value, World, content, type_name, type_of};

/// One class for each type, and an arrow to each type that stands in it.
pub(super) fn write(world: &World) -> String {
    let mut text = String::from("classDiagram\n");
    let mut arrows = BTreeSet::new();
    for (lock, shape) in world.types() {
        let name = type_name(lock);
        text.push_str(&format!("  class {name} {{\n"));
        if shape.form == Form::Enum {
            text.push_str("    <<enumeration>>\n");
        }
        for part in &shape.parts {
            text.push_str(&format!("    {}\n", line(shape.form, part)));
            for target in Writer(world).targets(shape.form, part) {
                arrows.insert(format!("  {name} *-- {target} : {}\n", part.name));
            }
        }
        text.push_str("  }\n");
    }
    text.extend(arrows);
    text
}

fn line(form: Form, part: &Part) -> String {
    match (form, part.ty.as_str()) {
        (Form::Enum, _) => part.name.clone(),
        // Mermaid writes generic types with tildes and takes no other brackets.
        (_, ty) => format!(
            "{} {}",
            ty.replace(['<', '>'], "~").replace(", ", ","),
            part.name
        ),
    }
}

/// Writes the types of a world.
struct Writer<'a>(&'a World);

impl Writer<'_> {
    /// The types that stand in a part.
    fn targets(&self, form: Form, part: &Part) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        match (form, content(part)) {
            (Form::Enum, Content::Unit) => {}
            (Form::Enum, Content::Members(parts)) => {
                for ty in parts.iter().filter_map(type_of) {
                    self.collect(&ty, &mut found);
                }
            }
            (Form::Enum, Content::Value(ty)) => self.collect(&ty, &mut found),
            _ => {
                if let Some(ty) = type_of(part) {
                    self.collect(&ty, &mut found);
                }
            }
        }
        found
    }

    fn collect(&self, ty: &Type, found: &mut BTreeSet<String>) {
        match self.0.value(ty) {
            Value::Named(name) => {
                let lock = self.0.types().find(|(lock, _)| lock.name == name);
                found.extend(lock.map(|(lock, _)| type_name(lock)));
            }
            Value::Optional(part) | Value::List(part, _) | Value::Set(part) | Value::Map(part) => {
                self.collect(&part, found);
            }
            Value::Tuple(parts) => parts.iter().for_each(|part| self.collect(part, found)),
            _ => {}
        }
    }
}
