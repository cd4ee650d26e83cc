//! A random enum as Rust, and as a lock.

use smarterbase_schema::{Form, Kind, Lock, Part, Representation, Shape, Step};

use super::enumeration::{Content, Enumeration, Op, Variant, Version, Written};

/// The enum of the last version with its attribute, and the functions of its steps.
pub(crate) fn enumeration(subject: &Enumeration) -> String {
    let links = || subject.versions.iter().enumerate().skip(1);
    let migrations: String = links()
        .map(|(number, version)| migration(&subject.name, number, version))
        .collect();
    let functions: String = links()
        .flat_map(|(number, version)| {
            let functions = version.steps.iter();
            functions.filter_map(move |step| function(subject, number, step))
        })
        .collect();
    let variants: String = subject.last().variants.iter().map(variant).collect();
    format!(
        "    #[derive(Serialize, Deserialize, Embedded)]\n    #[embedded(version = {}{migrations})]\n{}    \
         pub enum {} {{\n{variants}    }}\n{functions}",
        subject.versions.len(),
        attribute(subject.last().written),
        subject.name
    )
}

fn attribute(written: Written) -> &'static str {
    match written {
        Written::ByName => "",
        Written::Tagged => "    #[serde(tag = \"t\")]\n",
        Written::Adjacent => "    #[serde(tag = \"t\", content = \"c\")]\n",
    }
}

fn variant((name, content): &Variant) -> String {
    let content = match content {
        Content::Unit => String::new(),
        Content::One(ty) => format!("({ty})"),
        Content::Two(one, two) => format!("({one}, {two})"),
        Content::Named => " { n: u32 }".to_owned(),
    };
    format!("        {name}{content},\n")
}

fn migration(name: &str, number: usize, version: &Version) -> String {
    let steps: String = version
        .steps
        .iter()
        .map(|step| format!(", {}", text(name, number, step)))
        .collect();
    format!(",\n        migrate({number} => {}{steps})", number + 1)
}

fn text(name: &str, number: usize, step: &Op) -> String {
    match step {
        Op::Add(variant) => format!("add_variant({variant})"),
        Op::Rename(from, to) => format!("rename_variant({from} => {to})"),
        Op::Rekind => "rekind".to_owned(),
        Op::Remove((variant, _)) => format!(
            "remove_variant({variant}, with = {})",
            called(name, number, variant)
        ),
        Op::Convert((variant, _)) => {
            format!(
                "convert({variant}, with = {})",
                called(name, number, variant)
            )
        }
    }
}

fn called(name: &str, number: usize, variant: &str) -> String {
    format!("{name}_{number}_{variant}").to_lowercase()
}

/// The number in the old content becomes a value of the first variant of today.
fn function(subject: &Enumeration, number: usize, step: &Op) -> Option<String> {
    let (Op::Remove((variant, content)) | Op::Convert((variant, content))) = step else {
        return None;
    };
    let (argument, given) = match content {
        Content::Unit => (String::new(), "7_u32"),
        Content::One(ty) => (format!("old: {ty}"), "old.number()"),
        Content::Two(one, two) => (
            format!("old: ({one}, {two})"),
            "old.0.number().wrapping_mul(3).wrapping_add(old.1.number())",
        ),
        Content::Named => ("old: Named".to_owned(), "old.n"),
    };
    let (first, content) = &subject.last().variants[0];
    let value = match content {
        Content::Unit => "",
        Content::One(_) => "(Number::of(number))",
        Content::Two(..) => "(Number::of(number), Number::of(number.wrapping_add(1)))",
        Content::Named => " { n: number }",
    };
    Some(format!(
        "    fn {}({argument}) -> {name} {{ let number = {given}; {name}::{first}{value} }}\n",
        called(&subject.name, number, variant),
        name = subject.name
    ))
}

/// The lock of an enum whose versions are all sealed.
pub(crate) fn lock(subject: &Enumeration, crate_name: &str) -> Lock {
    let mut lock = Lock {
        kind: Kind::Embedded,
        name: subject.name.clone(),
        crate_name: crate_name.to_owned(),
        versions: Vec::new(),
    };
    for version in &subject.versions {
        let steps: Vec<Step> = version.steps.iter().map(step).collect();
        lock.add(shape(version), &steps).unwrap();
    }
    lock
}

fn shape(version: &Version) -> Shape {
    let text = |text: &str| Some(text.to_owned());
    let representation = match version.written {
        Written::ByName => Representation::default(),
        Written::Tagged => Representation {
            tag: text("t"),
            ..Representation::default()
        },
        Written::Adjacent => Representation {
            tag: text("t"),
            content: text("c"),
            ..Representation::default()
        },
    };
    let part = |(name, content): &Variant| Part::new(name.as_str(), &content_type(content));
    Shape {
        parts: version.variants.iter().map(part).collect(),
        representation,
        ..Shape::new(Form::Enum)
    }
}

fn content_type(content: &Content) -> String {
    match content {
        Content::Unit => "()".to_owned(),
        Content::One(ty) => (*ty).to_owned(),
        Content::Two(one, two) => format!("({one}, {two})"),
        Content::Named => "{n: u32}".to_owned(),
    }
}

fn step(step: &Op) -> Step {
    match step {
        Op::Add(name) => Step::AddVariant(name.clone()),
        Op::Rename(from, to) => Step::RenameVariant(from.clone(), to.clone()),
        Op::Rekind => Step::Rekind(None),
        Op::Remove((name, _)) => Step::RemoveVariant(name.clone()),
        Op::Convert((name, _)) => Step::Convert(name.clone()),
    }
}
