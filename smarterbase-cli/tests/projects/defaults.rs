//! The values that sealed `add` steps give are held: no compiler sees that an expression gives something else now.

use crate::project::Project;

const FIRST: &str = "#![allow(missing_docs)]
use smarterbase::prelude::*;

smarterbase::schema! { pub App { User } }

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = \"users\")]
pub struct User {
    #[key]
    pub id: String,
    pub home: Address,
}

#[derive(Clone, Debug, Serialize, Deserialize, Embedded)]
pub struct Address {
    pub street: String,
}
";

/// `PLAN` and `COUNTRY` stand for the defaults.
const SECOND: &str = "#![allow(missing_docs)]
use smarterbase::prelude::*;

smarterbase::schema! { pub App { User } }

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = \"users\", version = 2, migrate(1 => 2, add(plan = PLAN), add(visits = 0)))]
pub struct User {
    #[key]
    pub id: String,
    pub home: Address,
    pub plan: Plan,
    pub visits: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, Embedded)]
#[embedded(version = 2, migrate(1 => 2, add(country = COUNTRY)))]
pub struct Address {
    pub street: String,
    pub country: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, Embedded)]
pub enum Plan {
    Free,
    Pro,
}

/// Another one every time.
pub fn counted() -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()
}
";

fn second(plan: &str, country: &str) -> String {
    SECOND.replace("PLAN", plan).replace("COUNTRY", country)
}

const FREE: &str = "Plan::Free";
const HERE: &str = "\"NL\".to_owned()";

#[test]
fn a_sealed_default_that_gives_something_else_fails_the_tests_of_schema_and_check() {
    let project = Project::new("defaults", FIRST);
    project.answer(&["seal"]);
    project.write("src/lib.rs", &second(FREE, "counted()"));
    let text = project.complaint(&["seal"]);
    assert!(
        text.contains(
            "`add(country)` in `migrate(1 => 2, ..)` of `Address` gives another value every time"
        ),
        "{text}"
    );
    project.write("src/lib.rs", &second(FREE, HERE));
    assert_eq!(
        project.answer(&["seal"]),
        "wrote schema/fixtures/embedded/Address.v2.defaults.json\n"
    );
    assert_eq!(
        project.read("schema/fixtures/users.v2.defaults.json"),
        "{\n\"plan\": \"Free\",\n\"visits\": 0\n}\n"
    );
    assert_eq!(project.answer(&["seal"]), "nothing to seal\n");

    // The same values, spelt otherwise.
    project.write(
        "src/lib.rs",
        &second("{ Plan::Free }", "String::from(\"NL\")"),
    );
    project.answer(&["check"]);

    for (plan, country, step, file) in [
        (
            "Plan::Pro",
            HERE,
            "`add(plan)` in `migrate(1 => 2, ..)` of `users`",
            "users.v2",
        ),
        (
            FREE,
            "\"BE\".to_owned()",
            "`add(country)` in `migrate(1 => 2, ..)` of `Address`",
            "embedded/Address.v2",
        ),
    ] {
        project.write("src/lib.rs", &second(plan, country));
        let (is_done, text) = project.cargo(&["check", "--quiet"], &[]);
        assert!(is_done, "{text}");
        let message = format!(
            "{step} gives another value than when version 2 was sealed (schema/fixtures/{file}.defaults.json)"
        );
        let text = project.complaint(&["check"]);
        assert!(text.contains(&message), "{text}");
        let (is_done, text) = project.cargo(&["test", "--quiet", "--lib"], &[]);
        assert!(!is_done && text.contains(&message), "{text}");
        // And no seal takes it over.
        assert_eq!(project.answer(&["seal"]), "nothing to seal\n");
    }

    project.write("src/lib.rs", &second(FREE, HERE));
    project.answer(&["check"]);
    std::fs::remove_file(project.path("schema/fixtures/users.v2.defaults.json")).unwrap();
    let text = project.complaint(&["check"]);
    assert!(
        text.contains("schema/fixtures/users.v2.defaults.json is missing: run `cargo smarterbase seal`, or restore it from git"),
        "{text}"
    );

    // One that cannot be read is not written again: whoever broke it must look at it.
    project.write("schema/fixtures/users.v2.defaults.json", "{\"plan\":");
    assert_eq!(project.answer(&["seal"]), "nothing to seal\n");
    let text = project.complaint(&["check"]);
    assert!(
        text.contains("schema/fixtures/users.v2.defaults.json is no JSON"),
        "{text}"
    );
    assert_eq!(
        project.read("schema/fixtures/users.v2.defaults.json"),
        "{\"plan\":"
    );
}
