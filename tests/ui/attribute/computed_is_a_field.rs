use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(name: String, index))]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
}

impl User {
    fn name(&self) -> String {
        self.name.clone()
    }
}

fn main() {}
