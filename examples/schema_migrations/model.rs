//! What the catalogue stores today, and how what it stored before becomes that.

use smarterbase::prelude::*;

/// A product. Version 4 here is what the catalogue calls v3: its first program counted from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "products",
    schema_dir = "examples/schema_migrations/schema",
    new(NewProduct),
    adopt(version_field = "_v", base = 0),
    version = 4,
    migrate(1 => 2, add(stock = 0)),
    migrate(2 => 3, split(name => (brand, title), with = split_name), rename(shelf => place)),
    migrate(
        3 => 4,
        rename(price => cents),
        convert(cents, with = to_cents),
        widen(stock),
        add(status = Status::OnSale),
    ),
)]
pub(crate) struct Product {
    #[key(auto)]
    pub(crate) id: Id<Product>,
    #[unique]
    pub(crate) sku: String,
    #[index]
    pub(crate) brand: String,
    pub(crate) title: String,
    #[index(range)]
    pub(crate) cents: u64,
    pub(crate) place: Option<String>,
    pub(crate) stock: u64,
    #[index]
    pub(crate) status: Status,
}

/// Whether a product can be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "examples/schema_migrations/schema")]
pub(crate) enum Status {
    OnSale,
    Archived,
}

fn split_name(name: String) -> (String, String) {
    match name.split_once(' ') {
        Some((brand, title)) => (brand.to_owned(), title.to_owned()),
        None => (String::new(), name),
    }
}

/// `"12.50"` is 1250.
fn to_cents(price: String) -> Result<u64, String> {
    let (whole, part) = price.split_once('.').ok_or("a price has a point")?;
    if part.len() != 2 {
        return Err("a price has two digits behind its point".to_owned());
    }
    let number = |digits: &str| digits.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(whole)? * 100 + number(part)?)
}
