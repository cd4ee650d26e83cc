//! Collections without their Rust types: JSON goes in and out, for tools.

mod scan;
mod ways;

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use scan::{FindJson, FindJsonPage, JsonPage, JsonQuery};

use super::{Db, Handle, Tx};
use crate::{
    document::Meta,
    error::{Code, Error, Result},
    format::{path::EncodedId, schema::PublishedSchema},
    operation::{
        View,
        read::{self, Fetched},
        relations::Ancestry,
        untyped::{self, Members, Untyped},
        verb::untyped as verb,
        write::Written,
    },
};

/// A collection by its name: documents are JSON, and the protocol, the indexes and the unique values are those of typed
/// programs, which may write at the same time.
///
/// What is known comes from the store: the catalog, and the newest published version of the type
/// (`_schema/<collection>/<version>.json`), as they were when the handle was opened. Open it again after a deployment.
///
/// - **Types** are checked: a member that changes must be what the published type says, and one that is not optional must be
///   there.
/// - **Rules do not run**: what a program checks or fills in its own code (`validate`, `try_from`, automatic times, defaults)
///   is not known here. A UUID key is made where it is missing.
/// - **Only the newest version is written.** A document of another version is read as it is stored; replacing or deleting it
///   is [`Unsupported`](crate::ErrorKind::Unsupported), since only programs with the type migrate.
/// - **Read-only** ([`read_only_reason`](Self::read_only_reason)) is a collection without a published version, as of a type
///   without a lock. Writing is also refused (`SB-DEFINITION`) while an index or unique value is maintained that JSON does not
///   give: with `where`, over a `computed` value, over an `opaque` field, or over a value that is stored as another type
///   (`serde(into)`).
/// - The length of an array (`[T; N]`) is not known and not checked.
///
/// ```
/// # use smarterbase_core::{db::Db, Result};
/// # async fn example(db: Db) -> Result<()> {
/// use serde_json::{Value, json};
///
/// let users = db.collection("users").await?;
/// users.create(&json!({"id": "ada", "email": "ada@example.org", "plan": "free"})).await?;
/// let ada = users.get("ada").await?.expect("just created");
/// let mut members: Value = ada.decode()?;
/// members["plan"] = "pro".into();
/// users.save(&ada, &members).await?; // a conflict is an error, never a lost update
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JsonCollection {
    view: View,
    untyped: Arc<Untyped>,
    handle: Handle,
}

/// A document as JSON, with the revision that it was read at.
#[derive(Clone)]
pub struct JsonDocument {
    id: EncodedId,
    meta: Meta,
    fetched: Fetched,
    /// Whether the version is known that a save must still find.
    is_known: bool,
}

impl std::fmt::Debug for JsonDocument {
    /// The members are left out: they can be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonDocument")
            .field("id", &self.id)
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

impl JsonDocument {
    fn new(id: EncodedId, fetched: Fetched, is_known: bool) -> Result<Self> {
        if std::str::from_utf8(&fetched.settled.opened.body).is_err() {
            return Err(Error::new(Code::CORRUPT, "the body is not UTF-8"));
        }
        Ok(Self {
            meta: read::meta(fetched.envelope(), fetched.bytes.len()),
            id,
            fetched,
            is_known,
        })
    }

    /// The plain text of the key: an unsigned one has 20 digits.
    #[must_use]
    pub fn id(&self) -> String {
        self.id.decode().0
    }

    /// The revision: strictly increasing, 0 for JSON that was put there by hand.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.meta.revision
    }

    /// Facts about the document that are not in it.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The members as JSON text, as they are stored, without the envelope.
    #[must_use]
    pub fn json(&self) -> &str {
        let body = &self.fetched.settled.opened.body;
        std::str::from_utf8(body).expect("it was checked when the document was made")
    }

    /// The members as any type that can be read from JSON.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): they are not what that type says.
    pub fn decode<V: DeserializeOwned>(&self) -> Result<V> {
        let body = &self.fetched.settled.opened.body;
        serde_json::from_slice(body)
            .map_err(|error| crate::format::json::corrupt("the body", &error))
    }

    fn loaded(&self) -> (Fetched, bool) {
        (self.fetched.clone(), self.is_known)
    }
}

impl JsonCollection {
    pub(crate) async fn open(db: &Db, name: &str) -> Result<Self> {
        let untyped = untyped::open(&db.engine, name).await;
        Ok(Self {
            untyped: Arc::new(untyped.map_err(|error| error.during("collection"))?),
            view: View::plain(db.engine.clone()),
            handle: db.handle.clone(),
        })
    }

    /// The same collection inside of a transaction.
    #[must_use]
    pub fn within(&self, tx: &Tx) -> Self {
        Self {
            view: tx.view(),
            untyped: self.untyped.clone(),
            handle: self.handle.clone(),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.untyped.collection.name()
    }

    /// The newest published version of the type, as it was when the handle was opened.
    #[must_use]
    pub fn schema(&self) -> Option<&PublishedSchema> {
        self.untyped.schema.as_ref()
    }

    /// Why documents of the collection can only be read here; `None` when they can be written.
    #[must_use]
    pub fn read_only_reason(&self) -> Option<&str> {
        self.untyped.read_only
    }

    /// Reads a document: 1 GET. `id` is the plain text of the key, of an unsigned one also without leading zeros.
    ///
    /// # Errors
    /// As the typed `get`; a document of another version is given as it is stored.
    pub async fn get(&self, id: &str) -> Result<Option<JsonDocument>> {
        self.load(id).await.map_err(|error| error.during("get"))
    }

    async fn load(&self, id: &str) -> Result<Option<JsonDocument>> {
        let (collection, id) = (&self.untyped.collection, self.id(id)?);
        let fetched = read::fetch(&self.view, collection, &id).await?;
        let live = read::live(collection, &id, fetched)?;
        let document = live.map(|fetched| {
            let is_known = fetched.settled.is_decided();
            let made = JsonDocument::new(id.clone(), fetched, is_known);
            made.map_err(|error| read::at(collection, &id, error))
        });
        document.transpose()
    }

    /// Whether a document is there: 1 GET.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn exists(&self, id: &str) -> Result<bool> {
        let found = self.load(id).await;
        Ok(found.map_err(|error| error.during("exists"))?.is_some())
    }

    /// Creates a document that must not be there yet. Its key is a member of it.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): not a JSON object, or a member is not what its type says; the error names it.
    /// - [`Refused`](crate::ErrorKind::Refused): the collection or the database is read-only (`SB-READ-ONLY`), or has a
    ///   definition that JSON does not give (`SB-DEFINITION`).
    /// - otherwise as the typed `create`.
    pub async fn create(&self, members: &impl Serialize) -> Result<JsonDocument> {
        let created = async {
            let (id, written) = verb::create(&self.view, &self.untyped, object(members)?).await?;
            document(id, written)
        };
        created.await.map_err(|error| self.during("create", error))
    }

    /// Writes other members in the place of a document, if nobody changed it since it was read; what is not among them is
    /// gone. Gives the document as it is then. Where nothing changes, nothing is written.
    ///
    /// Members that stay as they were are not judged, and keep their text to the last digit.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict): it changed since it was read.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): it is not of the published version.
    /// - otherwise as [`create`](Self::create).
    pub async fn save(
        &self,
        document: &JsonDocument,
        members: &impl Serialize,
    ) -> Result<JsonDocument> {
        let saved = self.replace(&document.id, document.loaded(), members);
        saved.await.map_err(|error| self.during("save", error))
    }

    /// As [`save`](Self::save), at a revision that somebody else remembers: 1 GET more.
    ///
    /// # Errors
    /// As [`save`](Self::save); and [`NotFound`](crate::ErrorKind::NotFound).
    pub async fn save_at(
        &self,
        id: &str,
        revision: u64,
        members: &impl Serialize,
    ) -> Result<JsonDocument> {
        let saved = async {
            let id = self.id(id)?;
            let loaded = verb::at_revision(&self.view, &self.untyped, &id, revision).await?;
            self.replace(&id, loaded, members).await
        };
        saved.await.map_err(|error| self.during("save_at", error))
    }

    async fn replace(
        &self,
        id: &EncodedId,
        loaded: (Fetched, bool),
        members: &impl Serialize,
    ) -> Result<JsonDocument> {
        let members = object(members)?;
        let written = verb::save(&self.view, &self.untyped, id, loaded.clone(), members).await?;
        match written {
            Some(written) => document(id.clone(), written),
            None => JsonDocument::new(id.clone(), loaded.0, loaded.1),
        }
    }

    /// Deletes a document, if nobody changed it since it was read.
    ///
    /// # Errors
    /// As [`save`](Self::save). [`Unsupported`](crate::ErrorKind::Unsupported): the program has told its types, and others
    /// refer to this one.
    pub async fn remove(&self, document: &JsonDocument) -> Result<()> {
        let relations = &self.view.relations;
        let removed = async {
            if !relations.referring_to(self.name()).is_empty() {
                let text = "other types refer to this one: use `delete`, which does what their references say";
                return Err(Error::new(Code::UNSUPPORTED, text).in_collection(self.name()));
            }
            verb::remove(&self.view, &self.untyped, &document.id, document.loaded()).await
        };
        removed.await.map_err(|error| self.during("remove", error))
    }

    /// Deletes a document whatever its revision; gives whether there was one.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub async fn delete(&self, id: &str) -> Result<bool> {
        let deleted = async {
            let id = self.id(id)?;
            let relations = &self.view.relations;
            // What depends on the document goes along, where the program has told its types.
            match relations.kin(self.name()) {
                Some(kin) if !relations.referring_to(self.name()).is_empty() => {
                    self.untyped.check_writable(&self.view)?;
                    (kin.delete_root)(&self.view, &id, &Ancestry::default()).await
                }
                _ => verb::delete(&self.view, &self.untyped, &id).await,
            }
        };
        deleted.await.map_err(|error| self.during("delete", error))
    }

    /// All documents by id, narrowed by conditions: pages, or all of them.
    pub fn list(&self) -> JsonQuery<'_> {
        JsonQuery::new(self)
    }

    fn id(&self, text: &str) -> Result<EncodedId> {
        let collection = &self.untyped.collection;
        verb::encode_text(collection, collection.spec.key_kind, text)
    }

    fn during(&self, operation: &'static str, error: Error) -> Error {
        error.in_collection(self.name()).during(operation)
    }
}

fn document(id: EncodedId, written: Written) -> Result<JsonDocument> {
    let (fetched, is_known) = verb::fetched(written)?;
    JsonDocument::new(id, fetched, is_known)
}

/// The members of what is to be stored.
fn object(members: &impl Serialize) -> Result<Members> {
    match serde_json::to_value(members) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Error::new(
            Code::INVALID,
            "the document is not a JSON object",
        )),
    }
}
