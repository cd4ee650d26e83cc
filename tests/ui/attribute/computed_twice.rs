use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(initial: String, index), computed(initial: String, unique))]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
}

impl User {
    fn initial(&self) -> String {
        self.name.chars().take(1).collect()
    }
}

fn main() {}
