//! What the command line tool asks of a program: it starts the test that `schema!` emits, and says in the environment what
//! to do. The answer goes into a file, since a test's output is not its own.

mod answer;

use std::{collections::BTreeMap, fs, future::Future, path::Path};

use futures::future::BoxFuture;

use super::{
    DocumentType, Schema, Upgrade, fixture,
    lock::{self, Place},
};
use crate::{
    db::Db,
    error::Result,
    maintenance::{health::Health, migrate::MigrationProgress},
};

/// The variable that says what to do, as lines of `name=value`.
pub const VARIABLE: &str = "SMARTERBASE_CHORE";

/// How a program opens a database: by URL, with the features that it was built with.
pub type Open = fn(String) -> BoxFuture<'static, Result<Db>>;

/// The names and values of one chore.
struct Chore {
    facts: BTreeMap<String, String>,
}

/// What a chore has to say, or why it could not be done.
type Answer = std::result::Result<String, String>;

/// Does what the environment asks for and writes the answer where it says.
///
/// The first line of the answer is `ok` or `error`.
///
/// # Panics
/// When nothing is asked for: somebody ran the ignored tests of the program by hand.
pub fn run<S: Schema>(place: &Place, open: Open) {
    let asked = std::env::var(VARIABLE)
        .expect("`cargo smarterbase` runs this test, and says in SMARTERBASE_CHORE what to do");
    let chore = Chore::read(&asked);
    let answer = match chore.fact("chore") {
        "fixtures" => fixtures::<S>(place),
        "check" => check::<S>(place),
        _ => block_on(on_database::<S>(&chore, open)),
    };
    let (word, text) = match answer {
        Ok(text) => ("ok", text),
        Err(text) => ("error", text),
    };
    let file = Path::new(chore.fact("out")).join(format!("{}-{}.txt", place.crate_name, S::NAME));
    fs::write(file, format!("{word}\n{text}")).expect("the folder of the answers can be written");
}

/// Runs a future on a runtime of its own.
///
/// # Panics
/// Where the operating system gives no runtime.
pub fn block_on<Output>(future: impl Future<Output = Output>) -> Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the operating system gives a runtime")
        .block_on(future)
}

impl Chore {
    fn read(text: &str) -> Self {
        let fact = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        Self {
            facts: text.lines().filter_map(fact).collect(),
        }
    }

    fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    fn is_about(&self, document: &DocumentType) -> bool {
        matches!(self.fact("only"), "") || self.fact("only") == document.spec.collection
    }

    fn upgrade(&self, document: &DocumentType) -> Upgrade {
        let after = self.fact(&format!("after.{}", document.spec.collection));
        Upgrade {
            after: Some(after.to_owned()).filter(|after| !after.is_empty()),
            per_second: self.fact("per_second").parse().ok(),
            raise_floor: self.fact("raise_floor") == "yes",
        }
    }
}

fn fixtures<S: Schema>(place: &Place) -> Answer {
    let lines = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect();
    fixture::write::<S>(place).map(lines).map_err(lines)
}

/// What the emitted tests check, for one answer.
fn check<S: Schema>(place: &Place) -> Answer {
    let mut problems = lock::problems::<S>(place);
    problems.extend(fixture::problems::<S>(place));
    if problems.is_empty() {
        return Ok(String::new());
    }
    Err(problems.into_iter().map(|line| line + "\n").collect())
}

async fn on_database<S: Schema>(chore: &Chore, open: Open) -> Answer {
    let documents: Vec<&DocumentType> = S::TYPES
        .iter()
        .filter(|document| chore.is_about(document))
        .collect();
    // Another `schema!` of the program may list it.
    if documents.is_empty() {
        return Ok(String::new());
    }
    let db = open(chore.fact("url").to_owned())
        .await
        .map_err(|error| format!("{error}\n"))?;
    db.engine.expiry.turn_off();
    let db = db.with_schema::<S>();
    let mut text = String::new();
    if chore.fact("chore") == "health" {
        let health = db.health().await;
        db.close().await;
        return health.map_or_else(|error| Err(format!("{error}\n")), judged);
    }
    for document in documents {
        let line = match chore.fact("chore") {
            "verify" => verify(document, &db, chore).await,
            "plan" => plan(document, &db).await,
            "status" => status(document, &db).await,
            _ => upgrade(document, &db, chore.upgrade(document)).await,
        };
        match line {
            Ok(line) => text.push_str(&line),
            Err(problem) => {
                db.close().await;
                return Err(format!("{text}{problem}\n"));
            }
        }
    }
    db.close().await;
    Ok(text)
}

/// A database that is not well is an error, with the same lines.
fn judged(health: Health) -> Answer {
    match health.is_ok() {
        true => Ok(health.to_string()),
        false => Err(health.to_string()),
    }
}

async fn verify(document: &DocumentType, db: &Db, chore: &Chore) -> Answer {
    let mut request = db.verify_indexes().of_type(document);
    if let Ok(documents) = chore.fact("per_second").parse() {
        request = request.per_second(documents);
    }
    let repairs = chore.fact("repair") == "yes";
    if repairs {
        request = request.repair();
    }
    let report = request.await.map_err(|error| error.to_string())?;
    let is_well = report.is_sound() || (repairs && report.is_repaired());
    match is_well {
        true => Ok(report.to_string()),
        false => Err(report.to_string()),
    }
}

async fn plan(document: &DocumentType, db: &Db) -> Answer {
    let plan = document.plan(db).await.map_err(|error| error.to_string())?;
    Ok(answer::plan(document.spec, &plan))
}

async fn status(document: &DocumentType, db: &Db) -> Answer {
    let fail = |error: crate::Error| error.to_string();
    let floor = document.floor(db).await.map_err(fail)?;
    let plan = document.plan(db).await.map_err(fail)?;
    Ok(answer::status(document.spec, floor, &plan))
}

async fn upgrade(document: &DocumentType, db: &Db, upgrade: Upgrade) -> Answer {
    let name = document.spec.collection;
    let mut told = 0;
    let checkpoint = std::sync::Arc::new(std::sync::Mutex::new(upgrade.after.clone()));
    let reached = checkpoint.clone();
    let report = move |progress: &MigrationProgress| {
        (*reached.lock().expect("no panic while holding the lock"))
            .clone_from(&progress.checkpoint);
        if progress.documents >= told + 1_000 {
            told = progress.documents;
            eprintln!(
                "{name}: {} looked at, {} written",
                answer::documents(told),
                progress.upgraded
            );
        }
    };
    match document.migrate(db, upgrade, Box::new(report)).await {
        Ok(done) => Ok(answer::upgraded(document.spec, &done)),
        Err(error) => {
            let checkpoint = checkpoint.lock().expect("no panic while holding the lock");
            Err(stopped(name, &error, checkpoint.as_deref()))
        }
    }
}

/// What went wrong, and how to go on once it was mended.
fn stopped(name: &str, error: &crate::Error, checkpoint: Option<&str>) -> String {
    match checkpoint {
        None => error.to_string(),
        Some(checkpoint) => format!("{error}\n  help: go on with `--after {name}={checkpoint}`"),
    }
}
