use smarterbase::prelude::*;

#[derive(Clone, Serialize, Deserialize, Document)]
#[serde(from = "String", into = "String")]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
}

impl From<String> for User {
    fn from(plan: String) -> Self {
        Self { id: Id::auto(), plan }
    }
}
impl From<User> for String {
    fn from(user: User) -> Self {
        user.plan
    }
}

fn main() {}
