//! A list of documents: generic embedded types with several parameters, one embedded type in several documents, an empty
//! list, attributes, and another path.

#![deny(missing_docs, warnings)]

use smarterbase::prelude::*;

smarterbase::schema! {
    /// Everything.
    #[derive(PartialEq)]
    pub Shop { User, model::Order }
}

smarterbase::schema! {
    #[schema(crate = ::smarterbase, schema_dir = "elsewhere")]
    pub(crate) Nothing {}
}

/// A user.
#[derive(Serialize, Deserialize, Document)]
#[document(name = "members")]
pub struct User {
    #[key]
    id: String,
    home: Couple<u8>,
    work: Couple<Couple<String>>,
}

/// Two.
#[derive(Serialize, Deserialize, Embedded)]
pub struct Couple<T> {
    left: T,
    right: T,
}

/// Orders.
pub mod model {
    use smarterbase::prelude::*;

    /// An order.
    #[derive(Serialize, Deserialize, Document)]
    #[document(name = "orders")]
    pub struct Order {
        #[key]
        id: String,
        size: super::Couple<f64>,
    }
}

fn main() {
    assert_eq!(Shop::NAME, "Shop");
    assert!(Shop == Shop);
    let user = Shop::find("members").expect("it is listed");
    assert!(user.rust_path().ends_with("::User"));
    assert_eq!(user.spec().schema_version, 1);
    let decoded = user.decode(br#"{"id":"a","home":{"left":1,"right":2},"work":{"left":{"left":"a","right":"b"},"right":{"left":"c","right":"d"}},"more":1e400}"#);
    assert!(decoded.expect("it is one").ends_with(r#","more":1e400}"#));
    assert!(user.decode(b"{}").is_err());
    assert!(Nothing::TYPES.is_empty() && Nothing::find("members").is_none());
}
