//! Whether a program fits the catalog of its collection, and has every backend that the catalog relies on.

use crate::{
    error::{Code, Error, Result},
    format::catalog::Catalog,
    operation::{Collection, Engine},
};

/// Checks that the program fits the catalog, and that every backend it names is there.
pub(crate) fn check(engine: &Engine, collection: &Collection, catalog: &Catalog) -> Result<()> {
    check_shape(collection, catalog)?;
    check_definitions(collection, catalog)?;
    check_backends(engine, collection, catalog)
}

/// Shards and the key kind are fixed when the collection is made.
fn check_shape(collection: &Collection, catalog: &Catalog) -> Result<()> {
    let spec = collection.spec;
    if (catalog.shards, catalog.key_kind.as_str()) == (spec.shards, spec.key_kind.name()) {
        return Ok(());
    }
    let text = format!(
        "the collection was made with {} shard(s) and {} keys, but `{}` has {} shard(s) and {} keys",
        catalog.shards,
        catalog.key_kind,
        spec.type_name,
        spec.shards,
        spec.key_kind.name()
    );
    Err(Error::new(Code::DRIFT, text).in_collection(collection.name()))
}

/// The same hash with another text is refused (rule S11).
fn check_definitions(collection: &Collection, catalog: &Catalog) -> Result<()> {
    for definition in &collection.definitions {
        if catalog
            .definitions
            .get(&definition.name)
            .is_some_and(|entry| entry.text != definition.text)
        {
            let text = format!(
                "the catalog has another definition of the name {}; rename the index",
                definition.name
            );
            return Err(Error::new(Code::DRIFT, text).in_collection(collection.name()));
        }
    }
    Ok(())
}

/// Writing without a backend that others rely on would leave its entries behind (rule S6).
fn check_backends(engine: &Engine, collection: &Collection, catalog: &Catalog) -> Result<()> {
    if engine.abandon_missing_backends || engine.check_writable().is_err() {
        return Ok(());
    }
    let missing = missing_backends(engine, catalog);
    let Some(name) = missing.first() else {
        return Ok(());
    };
    let text = format!(
        "the collection's indexes are also kept in `{name}`, which this database was opened without; open it with `{name}`, or \
         ask for `abandon_missing_backends`"
    );
    Err(Error::new(Code::NO_SUCH_BACKEND, text).in_collection(collection.name()))
}

/// The backends that the catalog relies on and nobody registered.
pub(crate) fn missing_backends(engine: &Engine, catalog: &Catalog) -> Vec<String> {
    let mut missing: Vec<String> = catalog
        .definitions
        .values()
        .flat_map(|entry| &entry.backends)
        .filter(|(name, placement)| {
            placement.state.is_maintained() && engine.backend(name).is_none()
        })
        .map(|(name, _)| name.clone())
        .collect();
    missing.sort();
    missing.dedup();
    missing
}
