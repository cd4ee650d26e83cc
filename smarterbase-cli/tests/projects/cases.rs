//! Projects in which a lock is not simply beside its type: several crates, and crates of one package that have types of the
//! same name.

use crate::project::Project;

const MODEL: &str = "#![allow(missing_docs)]
use smarterbase::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Embedded)]
pub struct Address {
    pub street: String,
}
";

const SHOP: &str = "#![allow(missing_docs)]
use smarterbase::prelude::*;

smarterbase::schema! { pub Shop { Order } }

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = \"orders\")]
pub struct Order {
    #[key]
    pub id: String,
    pub home: Option<model::Address>,
}
";

/// Two packages in one workspace; the second uses the first.
fn workspace() -> Project {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"model\", \"shop\"]\n",
    );
    project.package("model", "model", MODEL);
    project.package("shop", "shop", SHOP);
    let manifest = project.read("shop/Cargo.toml");
    project.write(
        "shop/Cargo.toml",
        &(manifest + "model = { path = \"../model\" }\n"),
    );
    project
}

#[test]
fn each_crate_of_a_workspace_has_its_own_locks_and_a_document_does_not_change_with_what_stands_in_it()
 {
    let project = workspace();
    assert_eq!(
        project.answer(&["seal"]),
        "sealed `Address` version 1 in model/schema/embedded/Address.toml\n\
         sealed `orders` version 1 in shop/schema/orders.toml\n\
         wrote schema/fixtures/orders.v1.json\n"
    );
    assert!(project.path("shop/schema/fixtures/orders.v1.json").exists());
    assert!(!project.path("shop/schema/embedded").exists());

    project.edit("model/src/lib.rs", "street: String", "road: String");
    let text = project.answer(&["bump", "Address", "--rename", "street=road"]);
    assert!(
        text.starts_with("`Address` is at version 2 now:\n"),
        "{text}"
    );
    let source = project.read("model/src/lib.rs");
    let attribute =
        "#[embedded(version = 2, migrate(1 => 2, rename(street => road)))]\npub struct Address {";
    assert!(source.contains(attribute), "{source}");
    // The document stays at version 1, and gets samples of what stands in it now.
    let text = project.answer(&["seal"]);
    let written = text
        .strip_prefix(
            "sealed `Address` version 2 in model/schema/embedded/Address.toml\n    + road: String\n    - street: String\n\
             wrote schema/fixtures/orders.v1-",
        )
        .unwrap_or_else(|| panic!("{text}"));
    let newer = format!("shop/schema/fixtures/orders.v1-{}", written.trim_end());
    assert!(project.read(newer).contains("\"embedded\":{\"Address\":2}"));
    assert_eq!(
        project.answer(&["check", "--deny-drafts"]),
        "the crates fit to their locks\nevery golden fixture is read by the program of today\n"
    );
}

/// A library with a sealed type, and a documentation test that declares it again.
const LIBRARY: &str = "#![allow(missing_docs)]
//! ```
//! use smarterbase::prelude::*;
//! #[derive(Serialize, Deserialize, Document)]
//! #[document(name = \"users\", unsealed)]
//! struct User { #[key] id: String, shoe_size: u8 }
//! ```
//! ```compile_fail
//! use smarterbase::prelude::*;
//! #[derive(Serialize, Deserialize, Document)]
//! #[document(name = \"users\")]
//! struct User { #[key] id: String, shoe_size: u8 }
//! ```
use smarterbase::prelude::*;

/// `a-b` and `type` are stored names.
#[derive(Serialize, Deserialize, Document)]
#[document(name = \"users\")]
pub struct User {
    #[key]
    pub id: String,
    #[serde(rename = \"a-b\")]
    pub ab: u8,
    pub r#type: Pair<u8>,
}

#[derive(Serialize, Deserialize, Embedded)]
pub struct Pair<T> {
    pub left: T,
    pub right: Option<T>,
}
";

const OTHER: &str = "use smarterbase::prelude::*;
#[derive(Serialize, Deserialize, Document)]
#[document(name = \"users\")]
pub struct User {
    #[key]
    pub id: String,
    pub shoe_size: u8,
}
";

#[test]
fn tests_examples_and_doctests_declare_types_of_the_same_name_and_renames_are_no_changes() {
    let project = Project::new("library", LIBRARY);
    project.write("tests/other.rs", OTHER);
    project.write("examples/other.rs", &format!("{OTHER}fn main() {{}}\n"));
    assert_eq!(
        project.answer(&["seal"]),
        "sealed `Pair` version 1 in schema/embedded/Pair.toml\nsealed `users` version 1 in schema/users.toml\n"
    );
    let (is_done, text) = project.cargo(&["test", "--quiet"], &[]);
    assert!(is_done, "{text}");
    // Both documentation tests: the one that must compile, and the one that must not.
    assert_eq!(text.matches("1 passed; 0 failed").count(), 2, "{text}");

    // Another Rust name, another order, another parameter's name: stored as before.
    project.edit("src/lib.rs", "pub struct User {\n    #[key]\n    pub id: String,\n    #[serde(rename = \"a-b\")]\n    pub ab: u8,\n    pub r#type: Pair<u8>,", "pub struct Customer {\n    pub r#type: Pair<u8>,\n    #[serde(rename = \"a-b\")]\n    pub xyz: u8,\n    #[key]\n    pub id: String,");
    let (is_done, text) = project.cargo(&["check", "--quiet"], &[("SMARTERBASE_DRAFTS", "deny")]);
    assert!(is_done, "{text}");

    project.edit("src/lib.rs", "    pub right: Option<T>,\n", "");
    let text = project.answer(&["bump", "Pair"]);
    assert!(text.contains("migrate(1 => 2, remove(right))"), "{text}");
    let (is_done, text) = project.cargo(&["check", "--quiet"], &[("SMARTERBASE_DRAFTS", "deny")]);
    assert!(!is_done, "a draft was taken");
    assert!(
        text.contains("`Pair` version 2 is a draft and SMARTERBASE_DRAFTS=deny"),
        "{text}"
    );
}

#[test]
fn the_lock_of_a_renamed_crate_is_an_error_that_says_what_to_write() {
    let project = Project::new("before-it", OTHER);
    assert_eq!(
        project.answer(&["seal"]),
        "sealed `users` version 1 in schema/users.toml\n"
    );
    for (from, to) in [
        ("name = \"before-it\"", "name = \"after-it\""),
        ("[workspace]", "[lib]\nname = \"within\"\n[workspace]"),
    ] {
        let old = project.read("schema/users.toml");
        project.edit("Cargo.toml", from, to);
        let (is_done, text) = project.cargo(&["check", "--quiet"], &[]);
        assert!(!is_done, "a sealed type became a draft");
        let owner = |text: &str| {
            text.split("crate = \"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .to_owned()
        };
        let (gone, now) = (owner(&old), owner(&text));
        assert!(
            text.contains(&format!(
                "`schema/users.toml` belongs to the crate `{gone}`, which this package does not have"
            )),
            "{text}"
        );
        // Nothing is sealed over it, and what the message says helps.
        project.complaint(&["seal"]);
        assert_eq!(project.read("schema/users.toml"), old);
        project.edit(
            "schema/users.toml",
            &format!("crate = \"{gone}\""),
            &format!("crate = \"{now}\""),
        );
        project.answer(&["seal", "--repair", "users"]);
        let (is_done, text) =
            project.cargo(&["check", "--quiet"], &[("SMARTERBASE_DRAFTS", "deny")]);
        assert!(is_done, "{text}");
    }
    assert!(
        project
            .read("schema/users.toml")
            .contains("crate = \"within\"")
    );
}
