//! What the catalogue stored before the last deploy: it called this v2.

use smarterbase::prelude::*;

/// A product, as version 3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "products",
    schema_dir = "examples/schema_migrations_old/schema",
    new(NewProduct),
    adopt(version_field = "_v", base = 0),
    version = 3,
    migrate(1 => 2, add(stock = 0)),
    migrate(2 => 3, split(name => (brand, title), with = split_name), rename(shelf => place)),
)]
pub(crate) struct Product {
    #[key(auto)]
    pub(crate) id: Id<Product>,
    #[unique]
    pub(crate) sku: String,
    #[index]
    pub(crate) brand: String,
    pub(crate) title: String,
    pub(crate) price: String,
    pub(crate) place: Option<String>,
    pub(crate) stock: u32,
}

fn split_name(name: String) -> (String, String) {
    match name.split_once(' ') {
        Some((brand, title)) => (brand.to_owned(), title.to_owned()),
        None => (String::new(), name),
    }
}
