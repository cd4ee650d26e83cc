use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(letters: Vec<char>, index))]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
}

impl User {
    fn letters(&self) -> Vec<char> {
        self.name.chars().collect()
    }
}

fn main() {}
