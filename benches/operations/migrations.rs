//! What a document of an older version costs its reader, and one of today.

use bytes::Bytes;
use smarterbase::{Db, prelude::*};
use smarterbase_core::{
    format::{
        Key, body,
        envelope::{self, BodyShape, Opened},
        upgrade,
    },
    port::CasStore,
    store::MemoryStore,
};

use crate::measure::{Effort, Took, row, table, tiny};

/// A document with a past: three steps lead from version 1 to today.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(
    name = "people",
    schema_dir = "benches/operations/schema",
    version = 4,
    migrate(1 => 2, rename(title => name)),
    migrate(2 => 3, add(plan = "free".to_owned())),
    migrate(3 => 4, convert(visits, with = parse)),
)]
struct Person {
    #[key(auto)]
    id: Id<Person>,
    email: String,
    name: String,
    biography: String,
    interests: Vec<String>,
    plan: String,
    visits: u32,
    created_at: Timestamp,
}

fn parse(old: String) -> Result<u32, std::num::ParseIntError> {
    old.parse()
}

/// Measures and prints the decoding of documents of several versions.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let (key, today) = stored().await?;
    let three = older(&today, 1)?;
    let one = older(&today, 3)?;
    let batches = effort.of(5_000);
    let plain = tiny(batches, || {
        serde_json::from_slice::<Person>(&today.body).expect("it was written by us")
    });
    table(
        &format!("Decoding a body of {} bytes", today.body.len()),
        &["Document", "median (p95)", "× `from_slice`"],
    );
    print("`serde_json::from_slice`", plain, plain);
    for (name, opened) in [
        ("of today's version", &today),
        ("one step behind", &one),
        ("three steps behind", &three),
    ] {
        print(name, tiny(batches, || decode(opened, &key)), plain);
    }
    Ok(())
}

/// What the engine does with the body of every document that it reads.
fn decode(opened: &Opened, key: &Id<Person>) -> Person {
    let shape = shape();
    let body = upgrade::current(Person::SPEC, shape, opened).expect("every step succeeds");
    body::check_known(Person::SPEC, &body).expect("unknown members are kept");
    body::decode(&body, key).expect("it is of today now")
}

/// A collection computes it once.
fn shape() -> &'static BodyShape {
    static SHAPE: std::sync::OnceLock<BodyShape> = std::sync::OnceLock::new();
    SHAPE.get_or_init(|| upgrade::written_by(Person::SPEC))
}

fn print(name: &str, took: Took, plain: Took) {
    row(&[
        name.to_owned(),
        took.to_string(),
        format!("{:.2}", took.over(plain)),
    ]);
}

async fn stored() -> anyhow::Result<(Id<Person>, Opened)> {
    let store = MemoryStore::new();
    let db = Db::builder()
        .store(std::sync::Arc::new(store.clone()))
        .open()
        .await?;
    let other = crate::documents::Plain::numbered(7);
    let person = Person {
        id: Id::auto(),
        email: other.email,
        name: other.name,
        biography: other.biography,
        interests: other.interests,
        plan: "free".to_owned(),
        visits: 7,
        created_at: other.created_at,
    };
    let created = Person::create(&db, person).await?;
    let key = Key::from_stored(format!("people/{}.json", created.id));
    let object = store.get(&key).await?.expect("it was just created");
    Ok((created.id, envelope::open(&object.bytes)?))
}

/// The same document as version 1 or 3 had it.
fn older(today: &Opened, version: u32) -> anyhow::Result<Opened> {
    let text = std::str::from_utf8(&today.body)?;
    let mut text = text.replace("\"visits\":7", "\"visits\":\"7\"");
    if version == 1 {
        text = text.replace("\"plan\":\"free\",", "");
        text = text.replace("\"name\":", "\"title\":");
    }
    let mut older = today.clone();
    older.body = Bytes::from(text);
    older.envelope.schema = version;
    older.envelope.shape = BodyShape::default();
    Ok(older)
}
