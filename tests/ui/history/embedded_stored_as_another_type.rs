use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Sku", migrate(1 => 2, widen(0)))]
#[serde(try_from = "String", into = "String")]
#[derive(Clone)]
struct Sku(String);
impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}
impl From<String> for Sku {
    fn from(text: String) -> Self {
        Self(text)
    }
}

fn main() {}
