//! The file: opening it, what is damaged, and what became of it.

use std::{
    fs,
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use redb::{
    Builder, Database, DatabaseError, Durability, ReadOnlyDatabase, ReadTransaction,
    ReadableDatabase, StorageError, TableHandle, WriteTransaction,
};

use super::{
    apply::Tables,
    tables::{FACTS, FORM, Failure, fact, lost},
};
use crate::{
    error::{Code, Error, Result},
    format::Nonce,
    port::IndexError,
};

/// How a file of `redb` begins.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// Where the bytes lie.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Path(PathBuf),
    Memory,
    /// A disk that a test breaks.
    #[cfg(test)]
    Disk(super::tests::disk::Disk),
}

/// How it is opened.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) place: Place,
    /// Bytes of memory for pages.
    pub(super) cache: usize,
    pub(super) read_only: bool,
}

/// An open file.
pub(super) enum Opened {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Writable(_) => "Writable",
            Self::ReadOnly(_) => "ReadOnly",
        })
    }
}

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) file: Nonce,
    /// The last session that wrote; `None`: nobody ever did.
    pub(super) session: Option<Nonce>,
    /// Whether that session ended well.
    pub(super) is_clean: bool,
}

/// The file, or why there is none any more.
#[derive(Debug)]
enum State {
    Open(Arc<Opened>),
    /// It may be made anew.
    Failed(String),
    Closed,
}

#[derive(Debug)]
pub(super) struct File {
    opening: Opening,
    state: RwLock<State>,
}

impl Opened {
    pub(super) fn begin_read(&self) -> std::result::Result<ReadTransaction, Failure> {
        Ok(match self {
            Self::Writable(database) => database.begin_read()?,
            Self::ReadOnly(database) => database.begin_read()?,
        })
    }

    fn begin_write(&self) -> std::result::Result<WriteTransaction, Failure> {
        match self {
            Self::Writable(database) => Ok(database.begin_write()?),
            Self::ReadOnly(_) => Err(read_only().into()),
        }
    }
}

impl File {
    /// Opens the file, or makes it. One that is damaged is made anew: it is derived data.
    pub(super) fn open(opening: Opening, fresh: Nonce) -> Result<(Self, Facts)> {
        let (state, facts) = if opening.read_only {
            open_read_only(&opening, fresh)?
        } else {
            let (database, facts) = open_or_make(&opening, fresh)?;
            (State::Open(Arc::new(Opened::Writable(database))), facts)
        };
        let state = RwLock::new(state);
        Ok((Self { opening, state }, facts))
    }

    /// Whether the file failed and may be made anew.
    pub(super) fn has_failed(&self) -> bool {
        matches!(*self.state(), State::Failed(_))
    }

    /// Makes the file anew after it failed.
    pub(super) fn revive(&self, fresh: Nonce) -> std::result::Result<Facts, IndexError> {
        if self.opening.read_only {
            return Err(read_only());
        }
        let unavailable = |error: Error| IndexError::Unavailable(error.to_string());
        discard(&self.opening.place).map_err(unavailable)?;
        let (database, facts) = open_or_make(&self.opening, fresh).map_err(unavailable)?;
        self.become_(State::Open(Arc::new(Opened::Writable(database))));
        Ok(facts)
    }

    /// Lets go of the file, so that another process may have it.
    pub(super) fn close(&self) {
        self.become_(State::Closed);
    }

    /// Runs `work` on the file. When the file turns out to be unusable, nothing in it is used any more.
    pub(super) fn run<T>(
        &self,
        work: impl FnOnce(&Opened) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, IndexError> {
        let file = self.opened()?;
        // A damaged file can make the library panic; its transactions are rolled back on the way.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&file)));
        drop(file);
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Failure::Answer(error))) => Err(error),
            Ok(Err(Failure::File(error))) => Err(self.fail(&error.to_string())),
            Err(_) => Err(self.fail("its pages are damaged")),
        }
    }

    /// Runs `work` in one transaction.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        now: i64,
        work: impl FnOnce(&mut Tables<'_>) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, IndexError> {
        self.run(|file| write(file.begin_write()?, durability, now, work))
    }

    /// As [`write`](Self::write), durable, and so that the next opening is quick even when this process is killed.
    pub(super) fn write_last<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, IndexError> {
        self.run(|file| {
            let mut transaction = file.begin_write()?;
            transaction.set_quick_repair(true);
            write(transaction, Durability::Immediate, 0, work)
        })
    }

    fn opened(&self) -> std::result::Result<Arc<Opened>, IndexError> {
        match &*self.state() {
            State::Open(file) => Ok(Arc::clone(file)),
            State::Failed(why) => Err(lost(&format!("the file of the index failed: {why}"))),
            State::Closed => Err(IndexError::Unavailable("the index was closed".to_owned())),
        }
    }

    fn fail(&self, why: &str) -> IndexError {
        tracing::error!(
            why,
            "the file of the local index failed; it will be made anew"
        );
        self.become_(State::Failed(why.to_owned()));
        lost(&format!("the file of the index failed: {why}"))
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().expect("no panic while holding the lock")
    }

    fn become_(&self, state: State) {
        let mut place = self.state.write().expect("no panic while holding the lock");
        let before = std::mem::replace(&mut *place, state);
        drop(place);
        // Closing a file that failed may panic again.
        drop(catch_unwind(AssertUnwindSafe(|| drop(before))));
    }
}

fn read_only() -> IndexError {
    IndexError::Refused("the index was opened read-only".to_owned())
}

fn write<T>(
    mut transaction: WriteTransaction,
    durability: Durability,
    now: i64,
    work: impl FnOnce(&mut Tables<'_>) -> std::result::Result<T, Failure>,
) -> std::result::Result<T, Failure> {
    transaction.set_durability(durability)?;
    let value = {
        let mut tables = Tables::open(&transaction, now)?;
        work(&mut tables)?
    };
    transaction.commit()?;
    Ok(value)
}

/// Why a file cannot be opened as it is.
enum Trouble {
    /// It is an index, and broken: nobody misses it.
    Damaged(String),
    Refused(Error),
}

fn open_or_make(opening: &Opening, fresh: Nonce) -> Result<(Database, Facts)> {
    match open_whole(opening, fresh) {
        Ok(opened) => Ok(opened),
        Err(Trouble::Refused(error)) => Err(error),
        Err(Trouble::Damaged(why)) => {
            tracing::warn!(
                why,
                "the file of the local index is damaged and is made anew"
            );
            discard(&opening.place)?;
            open_whole(opening, fresh).map_err(|trouble| match trouble {
                Trouble::Refused(error) => error,
                Trouble::Damaged(why) => Error::new(Code::UNAVAILABLE, why),
            })
        }
    }
}

fn open_whole(opening: &Opening, fresh: Nonce) -> std::result::Result<(Database, Facts), Trouble> {
    let place = &opening.place;
    let database = guarded(|| create(opening), place)?;
    let facts = guarded(|| facts_or_make(&database, place, fresh), place)?;
    facts.map(|facts| (database, facts))
}

/// Runs what may fail or panic on a damaged file.
fn guarded<T>(
    work: impl FnOnce() -> std::result::Result<T, Failure>,
    place: &Place,
) -> std::result::Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(trouble(failure, place)),
        Err(_) => Err(Trouble::Damaged("its pages are damaged".to_owned())),
    }
}

fn trouble(failure: Failure, place: &Place) -> Trouble {
    let error = match failure {
        Failure::File(error) => error,
        Failure::Answer(error) => {
            return Trouble::Refused(Error::new(Code::MISCONFIGURED, error.to_string()));
        }
    };
    match error {
        redb::Error::DatabaseAlreadyOpen => Trouble::Refused(in_use(place)),
        redb::Error::Io(error) if !is_of_content(&error) => Trouble::Refused(failed(place, error)),
        error => Trouble::Damaged(error.to_string()),
    }
}

/// Whether the bytes are wrong, not the disk.
fn is_of_content(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::InvalidInput
    )
}

fn create(opening: &Opening) -> std::result::Result<Database, Failure> {
    let mut builder = Builder::new();
    builder.set_cache_size(opening.cache);
    Ok(match &opening.place {
        Place::Memory => builder.create_with_backend(redb::backends::InMemoryBackend::new())?,
        #[cfg(test)]
        Place::Disk(disk) => builder.create_with_backend(disk.clone())?,
        Place::Path(path) => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(StorageError::from)?;
            }
            check_begin(path)?;
            builder.create(path)?
        }
    })
}

/// Refuses a file that is no index: whatever it is, nobody wants it to be replaced.
fn check_begin(path: &Path) -> std::result::Result<(), Failure> {
    let mut begin = [0; MAGIC.len()];
    let read = match fs::File::open(path) {
        Ok(mut file) => file.read(&mut begin).map_err(StorageError::from)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StorageError::from(error).into()),
    };
    let is_new = begin[..read].iter().all(|byte| *byte == 0);
    if is_new || begin == MAGIC {
        return Ok(());
    }
    Err(not_ours(path))
}

fn not_ours(path: &Path) -> Failure {
    let text = format!(
        "{} is there, and is no index of this program; remove it, or name another path",
        path.display()
    );
    IndexError::Refused(text).into()
}

/// What the file says of itself; a new one is made complete.
fn facts_or_make(
    database: &Database,
    place: &Place,
    fresh: Nonce,
) -> std::result::Result<std::result::Result<Facts, Trouble>, Failure> {
    let birth = birth(place)?;
    if let Some(facts) = read_facts(&database.begin_read()?, &birth)? {
        return Ok(facts.ok_or_else(|| Trouble::Damaged("it has another form".to_owned())));
    }
    write(
        database.begin_write()?,
        Durability::Immediate,
        0,
        |tables| {
            tables.set_fact(fact::FORM, Some(FORM))?;
            tables.set_fact(fact::BIRTH, Some(&birth))?;
            tables.set_fact(fact::FILE, Some(fresh.as_str()))
        },
    )?;
    Ok(Ok(Facts {
        file: fresh,
        session: None,
        is_clean: false,
    }))
}

/// `None`: the file is empty. `Some(None)`: it is not of this form.
#[allow(clippy::option_option, reason = "each `None` says something else")]
fn read_facts(
    transaction: &ReadTransaction,
    birth: &str,
) -> std::result::Result<Option<Option<Facts>>, Failure> {
    let mut tables = transaction.list_tables()?.peekable();
    if tables.peek().is_none() {
        return Ok(None);
    }
    if !tables.any(|table| table.name() == FACTS.name()) {
        let text =
            "the file is there, and is no index of this program; remove it, or name another path";
        return Err(IndexError::Refused(text.to_owned()).into());
    }
    let facts = transaction.open_table(FACTS)?;
    let fact = |name: &str| -> std::result::Result<Option<String>, Failure> {
        Ok(facts.get(name)?.map(|value| value.value().to_owned()))
    };
    if fact(fact::FORM)?.as_deref() != Some(FORM) {
        return Ok(Some(None));
    }
    let nonce = |text: Option<String>| text.and_then(|text| Nonce::parse(&text));
    let Some(file) = nonce(fact(fact::FILE)?) else {
        return Ok(Some(None));
    };
    Ok(Some(Some(Facts {
        file,
        session: nonce(fact(fact::SESSION)?),
        is_clean: fact(fact::CLEAN)?.is_some() && fact(fact::BIRTH)?.as_deref() == Some(birth),
    })))
}

/// What a copy of the file does not share with it: which file it is, and when that was made, where the filesystem knows. A
/// folder that is copied while programs write has a whole index beside documents that came later.
fn birth(place: &Place) -> std::result::Result<String, Failure> {
    let Place::Path(path) = place else {
        return Ok(String::new());
    };
    let metadata = fs::metadata(path).map_err(StorageError::from)?;
    let made = metadata.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.unwrap_or_default().as_nanos();
    Ok(format!("{}-{made}", metadata.ino()))
}

/// Opens for reading beside other readers. Without a whole file there, queries do without it.
fn open_read_only(opening: &Opening, fresh: Nonce) -> Result<(State, Facts)> {
    let nothing = |why: String| {
        let facts = Facts {
            file: fresh,
            session: None,
            is_clean: false,
        };
        (State::Failed(why), facts)
    };
    let Place::Path(path) = &opening.place else {
        return Ok(nothing("there is no file".to_owned()));
    };
    let database = match Builder::new()
        .set_cache_size(opening.cache)
        .open_read_only(path)
    {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(in_use(&opening.place)),
        Err(error) => return Ok(nothing(error.to_string())),
    };
    let file = Opened::ReadOnly(database);
    let place = &opening.place;
    let facts = guarded(|| read_facts(&file.begin_read()?, &birth(place)?), place);
    Ok(match facts {
        Ok(Some(Some(facts))) => (State::Open(Arc::new(file)), facts),
        Err(Trouble::Refused(error)) => return Err(error),
        _ => nothing("the file is damaged".to_owned()),
    })
}

fn discard(place: &Place) -> Result<()> {
    match place {
        Place::Memory => Ok(()),
        #[cfg(test)]
        Place::Disk(disk) => {
            disk.erase();
            Ok(())
        }
        Place::Path(path) => match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(place, error)),
            _ => Ok(()),
        },
    }
}

fn in_use(place: &Place) -> Error {
    let text = format!(
        "the local index {} is in use by another process, and serves one at a time; stop that one, or open the database \
         with `index=objects` or Redis",
        name(place)
    );
    Error::new(Code::MISCONFIGURED, text)
}

fn failed(place: &Place, error: std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::DENIED,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Code::FULL,
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => Code::MISCONFIGURED,
        _ => Code::UNAVAILABLE,
    };
    let text = format!("the local index {} cannot be opened", name(place));
    Error::new(code, text).with_source(error)
}

fn name(place: &Place) -> String {
    match place {
        Place::Path(path) => path.display().to_string(),
        Place::Memory => "in memory".to_owned(),
        #[cfg(test)]
        Place::Disk(_) => "on a test's disk".to_owned(),
    }
}
