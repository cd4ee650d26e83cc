use smarterbase::prelude::*;

#[derive(Clone, Serialize, Deserialize, Embedded)]
#[serde(into = "String")]
struct Email(String);

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

fn main() {}
