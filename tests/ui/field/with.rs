use smarterbase::prelude::*;

mod hex {
    pub fn serialize<S: serde::Serializer>(_: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("")
    }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<Vec<u8>, D::Error> {
        Ok(Vec::new())
    }
}

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[serde(with = "hex")]
    bytes: Vec<u8>,
}

fn main() {}
