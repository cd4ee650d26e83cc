use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(initial: String, index, unique(name = letter)))]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
}

impl User {
    fn initial(&self) -> Option<char> {
        self.name.chars().next()
    }
}

fn main() {}
