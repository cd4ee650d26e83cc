//! Sealing and opening cursors: they belong to one query, one definition and one database.

use bytes::Bytes;

use super::{
    Cursor,
    selection::{By, Place, Selection},
};
use crate::{
    document::Document,
    error::{Code, Error, Result},
    format::{
        cursor::{CursorKeys, Position},
        index_key::EncodedValue,
        path::{self, EncodedId},
    },
    operation::{Collection, Engine, engine::store_failure},
    port::{Attempt, Expect},
};

/// The cursor after a place of a selection.
pub(crate) async fn seal<T: Document>(
    engine: &Engine,
    collection: &Collection,
    selection: &Selection<'_, T>,
    place: &Place,
) -> Result<Cursor> {
    let position = Position {
        query: selection.fingerprint(),
        definition: ordered_by(collection, selection),
        descending: selection.descending,
        value: place.value.0.clone(),
        id: place.id.as_str().to_owned(),
    };
    encrypt(engine, &position).await
}

/// The place that a cursor of this selection goes on after.
pub(crate) async fn open<T: Document>(
    engine: &Engine,
    collection: &Collection,
    selection: &Selection<'_, T>,
    cursor: &Cursor,
) -> Result<Place> {
    let position = decrypt(engine, collection, cursor).await?;
    let expected = (
        ordered_by(collection, selection),
        selection.fingerprint(),
        selection.descending,
    );
    if (
        position.definition.clone(),
        position.query,
        position.descending,
    ) != expected
    {
        return Err(stale(collection));
    }
    Ok(Place {
        value: EncodedValue(position.value),
        id: id(collection, &position.id)?,
    })
}

/// The cursor after an id of a walk over the whole collection.
pub(crate) async fn seal_id(
    engine: &Engine,
    collection: &Collection,
    last: &EncodedId,
) -> Result<Cursor> {
    let position = Position {
        query: by_id(collection),
        definition: String::new(),
        descending: false,
        value: Bytes::new(),
        id: last.as_str().to_owned(),
    };
    encrypt(engine, &position).await
}

/// The id that a cursor of a walk by id goes on after.
pub(crate) async fn open_id(
    engine: &Engine,
    collection: &Collection,
    cursor: &Cursor,
) -> Result<EncodedId> {
    let position = decrypt(engine, collection, cursor).await?;
    if !position.definition.is_empty() || position.query != by_id(collection) {
        return Err(stale(collection));
    }
    id(collection, &position.id)
}

/// What gives the values of the places: a definition, or one field with its encoding. Not the plan, which may be another
/// one for the next page.
fn ordered_by<T: Document>(collection: &Collection, selection: &Selection<'_, T>) -> String {
    match &selection.order {
        By::Id => String::new(),
        By::Entry(range) => collection.definitions[usize::from(range.ordinal)]
            .name
            .clone(),
        By::Field(reader) => format!("@{}/{}", reader.field, reader.lower.unwrap_or(0)),
    }
}

/// A walk by id is named by its collection, so that a cursor does not fit another one.
fn by_id(collection: &Collection) -> [u8; 8] {
    let hash = crate::format::claim::hash(collection.name(), "", &EncodedValue(Bytes::new()));
    let mut short = [0; 8];
    short.copy_from_slice(&hash.as_bytes()[..8]);
    short
}

fn id(collection: &Collection, text: &str) -> Result<EncodedId> {
    EncodedId::parse(text).ok_or_else(|| {
        Error::new(Code::INVALID_CURSOR, "the cursor names no document")
            .in_collection(collection.name())
    })
}

fn stale(collection: &Collection) -> Error {
    let text = "the cursor belongs to another query, or the index's definition changed; begin again without it";
    Error::new(Code::STALE_CURSOR, text).in_collection(collection.name())
}

async fn encrypt(engine: &Engine, position: &Position) -> Result<Cursor> {
    let keys = keys(engine).await?;
    let mut random = [0; 12];
    engine.rng.fill(&mut random);
    Ok(Cursor::from_text(keys.encrypt(position, random)))
}

async fn decrypt(engine: &Engine, collection: &Collection, cursor: &Cursor) -> Result<Position> {
    let keys = keys(engine).await?;
    keys.decrypt(cursor.as_str())
        .map_err(|error| error.in_collection(collection.name()))
}

/// The database's cursor keys: read once, made by whoever needs them first.
async fn keys(engine: &Engine) -> Result<&CursorKeys> {
    engine
        .cursor_keys
        .get_or_try_init(|| load_or_create(engine))
        .await
}

async fn load_or_create(engine: &Engine) -> Result<CursorKeys> {
    if let Some(keys) = load(engine).await? {
        return Ok(keys);
    }
    let mut key = [0; 32];
    engine.rng.fill(&mut key);
    let keys = CursorKeys {
        keys: vec![(engine.nonce(), key)],
    };
    if engine.check_writable().is_err() {
        return Ok(keys); // Where nothing may be written, cursors live as long as the handle.
    }
    // Whatever this attempt did: what can be read afterwards is what everybody uses.
    let attempt = engine
        .store
        .put(
            &path::cursor_keys(),
            &Expect::Absent,
            keys.seal(engine.nonce()),
        )
        .await;
    match (load(engine).await?, attempt) {
        (Some(keys), _) => Ok(keys),
        (None, Attempt::Refused(error) | Attempt::Unknown(error)) => Err(store_failure(error)),
        (None, _) => Err(Error::new(
            Code::UNAVAILABLE,
            "the cursor keys could not be created; try again",
        )),
    }
}

async fn load(engine: &Engine) -> Result<Option<CursorKeys>> {
    let object = engine
        .store
        .get(&path::cursor_keys())
        .await
        .map_err(store_failure)?;
    object
        .map(|object| CursorKeys::open(&object.bytes))
        .transpose()
}
