//! Measures what the derive costs: `cargo run -p smarterbase-derive --example budget`.
//!
//! Generates a crate of 200 documents with 8 fields and 3 indexes each, the same crate without the derive, and one whose
//! documents have three sealed versions and no indexes; checks them with `cargo check`, and prints what one document costs
//! (the budget is 12 ms) and how the migrated documents compare with the same structs with serde alone (1.4 times). Times are
//! those of the processor where the system tells them.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures time and prints it"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use smarterbase_schema::{Form, Kind, Lock, Part, Shape, Step};

const DOCUMENTS: usize = 200;
const ROUNDS: usize = 5;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
        .to_owned();
    let folder = root.join("target/derive-budget");
    let with = Package::new(&root, &folder, "with", &documents(true));
    let without = Package::new(&root, &folder, "without", &documents(false));
    let (with, without) = compare(&with, &without);
    let each = with.saturating_sub(without).as_secs_f64() * 1000.0 / DOCUMENTS as f64;
    println!(
        "{DOCUMENTS} documents: {with:.2?} with the derive, {without:.2?} without: {each:.1} ms per document (budget 12 ms)"
    );
    write_locks(&folder.join("migrated/schema"));
    let migrated = Package::new(&root, &folder, "migrated", &self::migrated(true));
    let plain = Package::new(&root, &folder, "plain", &self::migrated(false));
    let (migrated, plain) = compare(&migrated, &plain);
    let ratio = migrated.as_secs_f64() / plain.as_secs_f64();
    println!(
        "{DOCUMENTS} documents with migrations: {migrated:.2?}, {plain:.2?} with serde alone: {ratio:.2} times (budget 1.4)"
    );
}

/// A generated crate, built once.
struct Package {
    path: PathBuf,
    target: PathBuf,
}

/// The fastest of several checks of each crate, in turns: what else the machine does meets both.
fn compare(one: &Package, other: &Package) -> (Duration, Duration) {
    let rounds: Vec<(Duration, Duration)> = (0..ROUNDS)
        .map(|round| (one.again(round), other.again(round)))
        .collect();
    let fastest = |times: Vec<Duration>| times.into_iter().min().expect("there is a round");
    let (ones, others) = rounds.into_iter().unzip();
    (fastest(ones), fastest(others))
}

impl Package {
    fn new(root: &Path, folder: &Path, name: &str, text: &str) -> Self {
        let path = folder.join(name);
        fs::create_dir_all(path.join("src")).expect("the target folder can be written");
        fs::write(path.join("Cargo.toml"), manifest(root, name))
            .expect("the manifest can be written");
        fs::copy(root.join("Cargo.lock"), path.join("Cargo.lock")).expect("the lock can be copied");
        fs::write(path.join("src/lib.rs"), text).expect("the source can be written");
        let target = folder.join("target");
        check(&path, &target);
        Self { path, target }
    }

    fn again(&self, round: usize) -> Duration {
        let source = self.path.join("src/lib.rs");
        let mut text = fs::read_to_string(&source).expect("the source can be read");
        writeln!(text, "// {round}").expect("text can be appended");
        fs::write(source, text).expect("the source can be written");
        let (start, before) = (Instant::now(), spent());
        check(&self.path, &self.target);
        let after = spent().zip(before).map(|(after, before)| after - before);
        after.unwrap_or_else(|| start.elapsed())
    }
}

/// The processor time of all children that have ended, theirs included: unlike wall time, what else the machine does hardly
/// counts. `None` where there is no `/proc`.
///
/// Source: fields 16 and 17, in hundredths of a second on every Linux, <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn spent() -> Option<Duration> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets, which may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: u64 = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn check(package: &Path, target: &Path) {
    let status = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["check", "--quiet", "--offline"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the generated crate compiles");
}

fn manifest(root: &Path, name: &str) -> String {
    let root = root.display();
    format!(
        "[package]\nname = \"budget-{name}\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         smarterbase = {{ path = \"{root}\" }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    )
}

fn documents(derived: bool) -> String {
    let attribute = |text: &'static str| if derived { text } else { "" };
    let derive = attribute(", Document");
    let (key, unique, index) = (
        attribute("#[key(auto)] "),
        attribute("#[unique(lower)] "),
        attribute("#[index] "),
    );
    let (range, created, updated) = (
        attribute("#[index(range)] "),
        attribute("#[field(created_at)] "),
        attribute("#[field(updated_at)] "),
    );
    let mut text = String::from("#![allow(unused_imports)]\nuse smarterbase::prelude::*;\n");
    for number in 0..DOCUMENTS {
        writeln!(
            text,
            "#[derive(Serialize, Deserialize{derive})]\npub struct User{number} {{ {key}pub id: Id<User{number}>, \
             {unique}pub email: String, {index}pub org_id: Option<String>, {range}pub age: u32, pub name: String, \
             pub note: Option<String>, {created}pub created_at: Timestamp, {updated}pub updated_at: Timestamp }}"
        )
        .expect("text can be appended");
    }
    text
}

/// What happens to every document: one step of each common kind.
const MIGRATIONS: &str = "version = 3, migrate(1 => 2, rename(name => full_name), convert(age, with = parse_age)), \
     migrate(2 => 3, add(plan = String::new()), split(place => (city, country), with = parts), remove(old))";

/// Documents with three sealed versions.
fn migrated(derived: bool) -> String {
    let mut text = String::from(
        "#![allow(unused_imports, dead_code)]\nuse smarterbase::prelude::*;\n\
         fn parse_age(old: String) -> Result<u32, std::num::ParseIntError> { old.parse() }\n\
         fn parts(old: String) -> (String, String) { (old.clone(), old) }\n",
    );
    for number in 0..DOCUMENTS {
        let (derive, attribute, key) = if derived {
            let attribute = format!("#[document(name = \"user{number}\", {MIGRATIONS})]\n");
            (", Document", attribute, "#[key] ")
        } else {
            ("", String::new(), "")
        };
        writeln!(
            text,
            "#[derive(Serialize, Deserialize{derive})]\n{attribute}pub struct User{number} {{ {key}pub id: String, \
             pub email: String, pub full_name: String, pub age: u32, pub note: Option<String>, pub plan: String, \
             pub city: String, pub country: String }}"
        )
        .expect("text can be appended");
    }
    text
}

fn write_locks(folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
    for number in 0..DOCUMENTS {
        let lock = lock(&format!("user{number}"));
        let file = folder.join(Lock::path(lock.kind, &lock.name));
        fs::write(file, lock.write()).expect("the lock can be written");
    }
}

fn lock(name: &str) -> Lock {
    let split = Step::Split("place".into(), vec!["city".into(), "country".into()]);
    let first: &[(&str, &str)] = &[
        ("name", "String"),
        ("age", "String"),
        ("place", "String"),
        ("old", "bool"),
    ];
    let second: &[(&str, &str)] = &[
        ("full_name", "String"),
        ("age", "u32"),
        ("place", "String"),
        ("old", "bool"),
    ];
    let third: &[(&str, &str)] = &[
        ("full_name", "String"),
        ("age", "u32"),
        ("plan", "String"),
        ("city", "String"),
        ("country", "String"),
    ];
    let versions = [
        (first, vec![]),
        (
            second,
            vec![
                Step::Rename("name".into(), "full_name".into()),
                Step::Convert("age".into()),
            ],
        ),
        (
            third,
            vec![Step::Add("plan".into()), split, Step::Remove("old".into())],
        ),
    ];
    let mut lock = Lock {
        kind: Kind::Document,
        name: name.to_owned(),
        crate_name: "budget_migrated".to_owned(),
        versions: Vec::new(),
    };
    for (parts, steps) in versions {
        lock.add(shape(parts), &steps).expect("the steps lead on");
    }
    lock
}

fn shape(parts: &[(&str, &str)]) -> Shape {
    let common = [
        ("id", "String"),
        ("email", "String"),
        ("note", "Option<String>"),
    ];
    let mut shape = Shape::new(Form::Struct);
    shape.key = Some("id".to_owned());
    shape.parts = common
        .iter()
        .chain(parts)
        .map(|(name, ty)| Part::new(*name, ty))
        .collect();
    shape
}
