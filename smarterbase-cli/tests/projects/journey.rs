//! A type on its way: sealed, changed, bumped, sealed again, and its documents upgraded. Every command of the guide's chapter
//! is run here, on one project.

use crate::project::Project;

const FIRST: &str = r#"//! An app.

use smarterbase::prelude::*;

smarterbase::schema! {
    /// What the app stores.
    pub App { User }
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "users")]
pub struct User {
    /// Its id.
    #[key]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its age.
    pub age: String,
    /// What it pays.
    #[index]
    pub plan: Plan,
}

/// What a user pays.
#[derive(Clone, Debug, Serialize, Deserialize, Embedded)]
pub enum Plan {
    /// Nothing.
    Free,
    /// Something.
    Pro,
}
"#;

/// Writes two documents with the program as it is.
const SEED: &str = r#"
use app::{Plan, User};
use smarterbase::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), smarterbase::Error> {
    let db = smarterbase::open("./data").await?;
    for id in ["ada", "bob"] {
        let user = User { id: id.into(), name: id.into(), age: "36".into(), plan: Plan::Pro };
        User::create(&db, user).await?;
    }
    db.close().await;
    Ok(())
}
"#;

#[test]
fn a_type_is_sealed_bumped_and_upgraded_by_the_commands_of_the_guide() {
    let project = Project::new("app", FIRST);
    seal_the_first_version(&project);
    let (is_done, text) = {
        project.write("examples/seed.rs", SEED);
        project.cargo(&["run", "--quiet", "--example", "seed"], &[])
    };
    assert!(is_done, "{text}");
    std::fs::remove_file(project.path("examples/seed.rs")).unwrap();

    bump(&project);
    seal_the_second_version(&project);
    upgrade(&project);
    export(&project);
    what_no_longer_holds_is_found(&project);
}

fn seal_the_first_version(project: &Project) {
    assert_eq!(
        project.answer(&["seal"]),
        "sealed `Plan` version 1 in schema/embedded/Plan.toml\n\
         sealed `users` version 1 in schema/users.toml\n\
         wrote schema/fixtures/users.v1.json\n"
    );
    assert_eq!(project.answer(&["seal"]), "nothing to seal\n");
    let fixture = project.read("schema/fixtures/users.v1.json");
    assert!(fixture.starts_with("[\n{\"_sb\":{\"put\":\"00000000000000000000\",\"format\":1,\"needs\":[],\"schema\":1,\"seal\":\""), "{fixture}");
    // One for each variant of the enum, and one without what is optional.
    for (plan, times) in [("Free", 2), ("Pro", 1)] {
        let body = format!("\"id\":\"1\",\"name\":\"1\",\"age\":\"1\",\"plan\":\"{plan}\"}}");
        assert_eq!(fixture.matches(&body).count(), times, "{fixture}");
    }
    assert_eq!(
        project.answer(&["check", "--deny-drafts"]),
        "2 locks, and the crates fit to them\nevery golden fixture is read by the program of today\n"
    );
    assert_eq!(
        project.complaint(&["bump", "User"]),
        "error: nothing that `User` stores has changed since version 1\n"
    );
}

fn bump(project: &Project) {
    project.edit(
        "src/lib.rs",
        "    pub name: String,\n    /// Its age.\n    pub age: String,",
        "    pub full_name: String,\n    /// Its age.\n    pub age: u32,\n    /// How friends say.\n    pub nickname: Option<String>,",
    );
    let text = project.complaint(&["check"]);
    assert!(
        text.contains("`User` changed, but version 1 is sealed in `schema/users.toml`"),
        "{text}"
    );
    assert!(
        text.ends_with("error: the crates do not fit to their locks\n"),
        "{text}"
    );
    assert_eq!(
        project.complaint(&["bump", "User"]),
        "error: was `name` renamed to `full_name`?\n  \
           help: there is no terminal to ask on; say `--rename <old>=<new>`, `--remove <old>`, or `--yes`\n"
    );
    let text = project.answer(&["bump", "User", "--yes"]);
    let chapter = include_str!("../../../src/guide/evolving_your_schema.md");
    assert!(chapter.contains(&text), "the guide does not show {text}");
    assert_eq!(
        text,
        "`User` is at version 2 now:\n\
         \x20   + full_name: String\n    ~ age: String -> u32\n    + nickname: Option<String>\n    - name: String\n\
         \x20 migrate(1 => 2, rename(name => full_name), convert(age, with = convert_age), add(nickname = None))\n\
         \x20 write `fn convert_age(old: String) -> u32`, or one that returns a `Result`\n"
    );
    let source = project.read("src/lib.rs");
    let attribute = "#[document(name = \"users\", version = 2, migrate(1 => 2, rename(name => full_name), convert(age, with = convert_age), add(nickname = None)))]\npub struct User {";
    assert!(source.contains(attribute), "{source}");
    let function = "\nfn convert_age(old: String) -> Result<u32, std::num::ParseIntError> {\n    old.parse()\n}\n";
    project.write("src/lib.rs", &(source + function));
    assert_eq!(
        project.complaint(&["bump", "users", "--yes"]),
        "error: `User` version 2 is a draft already, so its migration may still change\n  \
           help: `cargo check` tells which step is missing\n"
    );
}

fn seal_the_second_version(project: &Project) {
    let text = project.complaint(&["check", "--deny-drafts"]);
    assert!(
        text.contains("`User` version 2 is a draft and SMARTERBASE_DRAFTS=deny; run `cargo smarterbase seal User`"),
        "{text}"
    );
    assert_eq!(
        project.answer(&["check"]),
        "2 locks, and the crates fit to them\nevery golden fixture is read by the program of today\n"
    );
    assert_eq!(
        project.answer(&["seal", "users"]),
        "sealed `users` version 2 in schema/users.toml\n\
         \x20   + full_name: String\n    ~ age: String -> u32\n    + nickname: Option<String>\n    - name: String\n\
         wrote schema/fixtures/users.v2.json\nwrote schema/fixtures/users.v2.defaults.json\n"
    );
    assert_eq!(
        project.answer(&["schema", "diff", "users"]),
        "users 1 => 2\n    + full_name: String\n    ~ age: String -> u32\n    + nickname: Option<String>\n    - name: String\n"
    );
    let (is_done, text) = project.cargo(&["test", "--quiet", "--lib"], &[]);
    assert!(is_done, "{text}");
    assert!(text.contains("2 passed; 0 failed; 1 ignored"), "{text}");
}

fn upgrade(project: &Project) {
    let url = ["--url", "./data"];
    let ask =
        |what: &str, more: &[&str]| project.answer(&[&["migrate", what], &url[..], more].concat());
    assert_eq!(
        ask("plan", &[]),
        "users: 2 of 2 documents would be written again at version 2\n  version 1: 2 documents\n"
    );
    assert_eq!(
        ask("status", &[]),
        "users: program at version 2, reads from 1; writers must be at 1 or later; 0 of 2 documents current\n"
    );
    assert_eq!(
        ask("run", &["--after", "users=ada", "--per-second", "100"]),
        "users: 1 document looked at, 1 written at version 2\n"
    );
    assert_eq!(
        ask("run", &[]),
        "users: 2 documents looked at, 1 written at version 2\n"
    );
    assert_eq!(
        ask("plan", &["--collection", "users"]),
        "users: nothing to do (2 documents at version 2)\n"
    );
    let text = project.complaint(&["migrate", "plan", "--url", "./data", "--collection", "orgs"]);
    assert_eq!(text, "error: no `schema!` lists the collection `orgs`\n");
    let text = project.complaint(&["migrate", "plan", "--url", "ftp://data"]);
    assert!(text.starts_with("error: "), "{text}");
    let document = project.read("data/users/ada.json");
    assert!(document.contains("\"schema\":2"), "{document}");
    assert!(document.contains("\"full_name\":\"ada\""), "{document}");
    assert!(document.contains("\"age\":36"), "{document}");
}

fn export(project: &Project) {
    assert_eq!(
        project.answer(&["schema", "export", "--as", "typescript"]),
        "export interface Users {\n  id: string;\n  full_name: string;\n  age: number;\n  nickname?: string | null;\n  plan: Plan;\n}\n\n\
         export type Plan =\n  | \"Free\"\n  | \"Pro\";\n"
    );
    assert_eq!(
        project.answer(&["schema", "export", "--as", "mermaid"]),
        "classDiagram\n  class Users {\n    String id\n    String full_name\n    u32 age\n    Option~String~ nickname\n    Plan plan\n  }\n\
         \x20 class Plan {\n    <<enumeration>>\n    Free\n    Pro\n  }\n  Users *-- Plan : plan\n"
    );
    let schema = project.answer(&["schema", "export", "--as", "json-schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let expected = serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "users": {
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "full_name": { "type": "string" },
                    "age": { "type": "integer", "minimum": 0 },
                    "nickname": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
                    "plan": { "$ref": "#/$defs/Plan" },
                },
                "required": ["id", "full_name", "age", "plan"],
            },
            "Plan": { "oneOf": [{ "const": "Free" }, { "const": "Pro" }] },
        },
    });
    assert_eq!(schema, expected);
}

/// What only the fixtures notice, and a lock that was edited while the source was not.
fn what_no_longer_holds_is_found(project: &Project) {
    project.edit(
        "src/lib.rs",
        "old.parse()",
        "old.get(5..).unwrap_or(\"\").parse()",
    );
    let text = project.complaint(&["check"]);
    assert!(
        text.contains(
            "error: schema/fixtures/users.v1.json[0]: cannot upgrade `User` from version 1 to 2: `convert(age)`: \
             the function returned an error [SB-MIGRATION]: cannot parse integer from empty string\n"
        ),
        "{text}"
    );
    project.edit(
        "src/lib.rs",
        "old.get(5..).unwrap_or(\"\").parse()",
        "old.parse()",
    );

    let fixture = "schema/fixtures/users.v2.json";
    let text = project.read(fixture);
    std::fs::remove_file(project.path(fixture)).unwrap();
    let (is_done, said) = project.cargo(&["test", "--quiet", "--lib"], &[]);
    assert!(!is_done, "{said}");
    assert!(
        said.contains("schema/fixtures/users.v2.json is missing: run `cargo smarterbase seal`, or restore it from git"),
        "{said}"
    );
    project.write(fixture, &text);
    let (is_done, said) = project.cargo(&["test", "--quiet", "--lib"], &[]);
    assert!(is_done, "{said}");

    let (is_done, said) = project.cargo(&["check", "--quiet"], &[]);
    assert!(is_done, "{said}");
    project.edit(
        "schema/users.toml",
        "nickname = \"Option<String>\"",
        "nickname = \"Option<u8>\"",
    );
    let (is_done, said) = project.cargo(&["check", "--quiet"], &[]);
    assert!(!is_done, "a lock that was edited made no build fail");
    assert!(
        said.contains("`schema/users.toml` was edited by hand (its seal does not match)"),
        "{said}"
    );
}
