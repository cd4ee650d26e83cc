use smarterbase::prelude::*;

smarterbase::schema! { Shop { User, model::Customer } }

#[derive(Serialize, Deserialize, Document)]
#[document(name = "users")]
struct User {
    #[key]
    id: String,
}

mod model {
    use smarterbase::prelude::*;

    #[derive(Serialize, Deserialize, Document)]
    #[document(name = "users")]
    pub struct Customer {
        #[key]
        id: String,
    }
}

fn main() {}
