//! Edits the attribute of a type in its source, and nothing else: the text around it stays as it was formatted.

use std::ops::Range;

use anyhow::{Context, bail};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Attribute, File, Item, Meta, Visibility, spanned::Spanned as _};

/// The type whose attribute is edited.
pub(crate) struct Target<'a> {
    /// `document` or `embedded`.
    pub(crate) word: &'a str,
    pub(crate) type_name: &'a str,
    /// Where its name stands.
    pub(crate) line: usize,
}

/// The source, with this version and one more migration in the attribute of the type.
pub(crate) fn bumped(
    source: &str,
    target: &Target<'_>,
    version: u32,
    migration: &str,
) -> anyhow::Result<String> {
    // A shebang or a byte order mark is no part of what spans count from.
    let tokens: TokenStream = source.parse().ok().context("the file is not Rust")?;
    let file: File = syn::parse2(tokens).context("the file is not Rust")?;
    let declaration = find(&file.items, target)
        .with_context(|| format!("there is no `{}` in line {}", target.type_name, target.line))?;
    let edits = match declaration.attribute(target.word) {
        Some(attribute) => in_attribute(source, attribute, version, migration)?,
        None => vec![new_attribute(
            source,
            &declaration,
            target.word,
            version,
            migration,
        )],
    };
    Ok(apply(source, edits))
}

/// Text for a range of the source.
struct Edit {
    range: Range<usize>,
    text: String,
}

/// From the last edit to the first, so that no range moves.
fn apply(source: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
    let mut text = source.to_owned();
    for edit in edits {
        text.replace_range(edit.range, &edit.text);
    }
    text
}

/// A struct or an enum.
struct Declaration<'a> {
    attributes: &'a [Attribute],
    /// Where it begins, after its attributes.
    start: Span,
}

impl Declaration<'_> {
    /// The attribute with the version; else the first one.
    fn attribute(&self, word: &str) -> Option<&Attribute> {
        let named = || {
            self.attributes
                .iter()
                .filter(|attribute| attribute.path().is_ident(word))
        };
        named()
            .find(|attribute| version_literal(attribute).is_some())
            .or_else(|| named().next())
    }
}

fn find<'a>(items: &'a [Item], target: &Target<'_>) -> Option<Declaration<'a>> {
    items.iter().find_map(|item| {
        let (ident, attributes, visibility, keyword) = match item {
            Item::Struct(item) => (&item.ident, &item.attrs, &item.vis, item.struct_token.span),
            Item::Enum(item) => (&item.ident, &item.attrs, &item.vis, item.enum_token.span),
            Item::Mod(module) => return find(&module.content.as_ref()?.1, target),
            _ => return None,
        };
        let is_it = ident == target.type_name && ident.span().start().line == target.line;
        is_it.then(|| Declaration {
            attributes,
            start: match visibility {
                Visibility::Inherited => keyword,
                visibility => visibility.span(),
            },
        })
    })
}

fn tokens(attribute: &Attribute) -> Vec<TokenTree> {
    match &attribute.meta {
        Meta::List(list) => list.tokens.clone().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The number in `version = 2`, at the top of the list.
fn version_literal(attribute: &Attribute) -> Option<Range<usize>> {
    let tokens = tokens(attribute);
    tokens.windows(3).find_map(|window| match window {
        [
            TokenTree::Ident(word),
            TokenTree::Punct(equals),
            TokenTree::Literal(number),
        ] if word == "version" && equals.as_char() == '=' => Some(number.span().byte_range()),
        _ => None,
    })
}

fn in_attribute(
    source: &str,
    attribute: &Attribute,
    version: u32,
    migration: &str,
) -> anyhow::Result<Vec<Edit>> {
    let literal = version_literal(attribute);
    let added = match &literal {
        Some(_) => vec![migration.to_owned()],
        None => vec![format!("version = {version}"), migration.to_owned()],
    };
    let mut edits = vec![at_the_end(source, attribute, &added)?];
    edits.extend(literal.map(|range| Edit {
        range,
        text: version.to_string(),
    }));
    Ok(edits)
}

/// Adds options to the end of the list: a line for each, where the list has one line for each, or behind a comma.
fn at_the_end(source: &str, attribute: &Attribute, added: &[String]) -> anyhow::Result<Edit> {
    let list = match &attribute.meta {
        Meta::List(list) => list,
        Meta::Path(path) => {
            let end = path.span().byte_range().end;
            return Ok(insertion(end, format!("({})", added.join(", "))));
        }
        Meta::NameValue(_) => bail!("the attribute has no list"),
    };
    let tokens = tokens(attribute);
    let open = list.delimiter.span().open().byte_range().end;
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Ok(insertion(open, added.join(", ")));
    };
    let (start, end) = (
        first.span().byte_range().start,
        last.span().byte_range().end,
    );
    let has_comma = matches!(last, TokenTree::Punct(punct) if punct.as_char() == ',');
    let lead = &source[open..start];
    let comma = if has_comma { "" } else { "," };
    let Some((_, indent)) = lead.rsplit_once('\n') else {
        let end_comma = if has_comma { "," } else { "" };
        return Ok(insertion(
            end,
            format!("{comma} {}{end_comma}", added.join(", ")),
        ));
    };
    let lines: String = added
        .iter()
        .map(|option| format!("\n{indent}{option},"))
        .collect();
    Ok(insertion(end, format!("{comma}{lines}")))
}

fn new_attribute(
    source: &str,
    declaration: &Declaration<'_>,
    word: &str,
    version: u32,
    migration: &str,
) -> Edit {
    let start = declaration.start.byte_range().start;
    let indent: String = source[..start]
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .take_while(|letter| letter.is_whitespace())
        .collect();
    insertion(
        start,
        format!("#[{word}(version = {version}, {migration})]\n{indent}"),
    )
}

fn insertion(at: usize, text: String) -> Edit {
    Edit {
        range: at..at,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, bumped};

    fn edited(source: &str) -> String {
        let line = source
            .lines()
            .position(|line| line.contains("struct User"))
            .unwrap()
            + 1;
        let target = Target {
            word: "document",
            type_name: "User",
            line,
        };
        bumped(source, &target, 3, "migrate(2 => 3, remove(a))").unwrap()
    }

    #[test]
    fn a_byte_order_mark_moves_nothing() {
        let source = "#[document(version = 2)]\npub struct User { a: u8 }\n";
        let marked = format!("\u{feff}{source}");
        assert_eq!(edited(&marked), format!("\u{feff}{}", edited(source)));
    }

    #[test]
    fn one_line_gets_the_migration_behind_a_comma() {
        assert_eq!(
            edited(
                "// äöü\n#[document(name = \"users\", version = 2, migrate(1 => 2))]\npub struct User { a: u8 }\n"
            ),
            "// äöü\n#[document(name = \"users\", version = 3, migrate(1 => 2), migrate(2 => 3, remove(a)))]\npub struct User { a: u8 }\n"
        );
        assert_eq!(
            edited("#[document(version = 2,)] struct User;"),
            "#[document(version = 3, migrate(2 => 3, remove(a)),)] struct User;"
        );
    }

    #[test]
    fn a_line_for_each_option_stays_so() {
        assert_eq!(
            edited(
                "mod model {\n    #[document(\n        name = \"users\",\n        version = 2, // two\n        migrate(1 => 2),\n    )]\n    struct User {}\n}\n"
            ),
            "mod model {\n    #[document(\n        name = \"users\",\n        version = 3, // two\n        migrate(1 => 2),\n        migrate(2 => 3, remove(a)),\n    )]\n    struct User {}\n}\n"
        );
        assert_eq!(
            edited("#[document(\n  name = \"users\"\n)]\nstruct User {}"),
            "#[document(\n  name = \"users\",\n  version = 3,\n  migrate(2 => 3, remove(a)),\n)]\nstruct User {}"
        );
    }

    #[test]
    fn a_type_without_the_attribute_gets_one() {
        assert_eq!(
            edited("    #[derive(Document)]\n    pub(crate) struct User {}"),
            "    #[derive(Document)]\n    #[document(version = 3, migrate(2 => 3, remove(a)))]\n    pub(crate) struct User {}"
        );
        assert_eq!(
            edited("#[document]\nstruct User {}"),
            "#[document(version = 3, migrate(2 => 3, remove(a)))]\nstruct User {}"
        );
        assert_eq!(
            edited("#[document()]\nstruct User {}"),
            "#[document(version = 3, migrate(2 => 3, remove(a)))]\nstruct User {}"
        );
    }

    #[test]
    fn the_type_is_found_by_its_line() {
        let source = "mod a { struct User; }\nmod b { #[document(version = 2)] struct User; }\n";
        let target = Target {
            word: "document",
            type_name: "User",
            line: 2,
        };
        let text = bumped(source, &target, 3, "migrate(2 => 3)").unwrap();
        assert!(
            text.starts_with("mod a { struct User; }\nmod b { #[document(version = 3, "),
            "{text}"
        );
        let target = Target { line: 3, ..target };
        assert!(bumped(source, &target, 3, "").is_err());
    }
}
