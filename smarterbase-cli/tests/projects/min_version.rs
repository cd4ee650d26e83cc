//! Versions that are read no more: their steps leave the source and the lock, and every index stays the same one.

use std::collections::BTreeSet;

use crate::project::Project;

const FIRST: &str = "#![allow(missing_docs)]
use smarterbase::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = \"users\")]
pub struct User {
    #[key]
    pub id: String,
    #[index]
    pub name: String,
    #[index]
    pub age: String,
}
";

/// Writes a document, and says how many are found by what they have in common.
const SEED: &str = r#"
use min_version::User;
use smarterbase::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), smarterbase::Error> {
    let db = smarterbase::open("./data").await?;
    let id = std::env::args().nth(1).unwrap();
    let user = User { id, full_name: "Ada".into(), age: 36, /* more */ };
    User::create(&db, user).await?;
    println!("{} {}", User::count_by_full_name(&db, "Ada").await?, User::count_by_age(&db, 36_u32).await?);
    db.close().await;
    Ok(())
}
"#;

#[test]
fn s11_definitions_stay_when_min_version_drops_the_steps_and_in_the_versions_that_follow() {
    let project = Project::new("min_version", FIRST);
    project.answer(&["seal"]);
    rename_and_convert(&project);
    assert_eq!(seed(&project, "a", ""), "1 1\n");
    let definitions = folders(&project);
    assert_eq!(definitions.len(), 2, "{definitions:?}");

    forget_the_first_version(&project);
    assert_eq!(project.answer(&["seal"]), "nothing to seal\n");
    assert_eq!(seed(&project, "b", ""), "2 2\n");
    assert_eq!(folders(&project), definitions);

    project.edit(
        "src/lib.rs",
        "    pub age: u32,\n",
        "    pub age: u32,\n    pub nickname: Option<String>,\n",
    );
    project.answer(&["bump", "User"]);
    project.answer(&["seal"]);
    assert_eq!(seed(&project, "c", "nickname: None"), "3 3\n");
    assert_eq!(folders(&project), definitions);
    let lock = project.read("schema/users.toml");
    let origins =
        "[v3.origins]\nfull_name = \"v1 name\"\nage = \"v2 age\"\nnickname = \"v3 nickname\"\n";
    assert!(lock.ends_with(origins), "{lock}");
}

fn rename_and_convert(project: &Project) {
    project.edit("src/lib.rs", "pub name: String", "pub full_name: String");
    project.edit("src/lib.rs", "pub age: String", "pub age: u32");
    project.answer(&["bump", "User", "--rename", "name=full_name"]);
    let source = project.read("src/lib.rs");
    let function =
        "\nfn convert_age(old: String) -> u32 {\n    old.parse().unwrap_or_default()\n}\n";
    project.write("src/lib.rs", &(source + function));
    project.answer(&["seal"]);
}

/// From the source, and from the lock.
fn forget_the_first_version(project: &Project) {
    let migration = "migrate(1 => 2, rename(name => full_name), convert(age, with = convert_age))";
    project.edit("src/lib.rs", migration, "min_version = 2");
    let source = project.read("src/lib.rs");
    let (source, _) = source.split_once("\nfn convert_age").unwrap();
    project.write("src/lib.rs", source);

    let lock = project.read("schema/users.toml");
    let (head, rest) = lock.split_once("[v1]").unwrap();
    let (_, second) = rest.split_once("[v2]").unwrap();
    project.write("schema/users.toml", &format!("{head}[v2]{second}"));
    project.answer(&["seal", "--repair", "users"]);
}

/// Each index has a folder that is called as its definition is.
fn folders(project: &Project) -> BTreeSet<String> {
    let entries = std::fs::read_dir(project.path("data/_index/users")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn seed(project: &Project, id: &str, more: &str) -> String {
    let source = SEED.replace("/* more */", more);
    project.write("examples/seed_min_version.rs", &source);
    let run = ["run", "--quiet", "--example", "seed_min_version", id];
    let (is_done, text) = project.cargo(&run, &[]);
    std::fs::remove_file(project.path("examples/seed_min_version.rs")).unwrap();
    assert!(is_done, "{text}");
    text
}
