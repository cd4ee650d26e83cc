use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(initial: String, index, versoin = 2))]
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
