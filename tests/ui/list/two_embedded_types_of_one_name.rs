use smarterbase::prelude::*;

smarterbase::schema! { Shop { User, Order } }

#[derive(Serialize, Deserialize, Document)]
#[document(name = "members")]
struct User {
    #[key]
    id: String,
    home: Option<Place>,
}

#[derive(Serialize, Deserialize, Embedded)]
struct Place {
    street: String,
}

#[derive(Serialize, Deserialize, Document)]
#[document(name = "orders")]
struct Order {
    #[key]
    id: String,
    from: Vec<other::Place>,
}

mod other {
    use smarterbase::prelude::*;

    #[derive(Serialize, Deserialize, Embedded)]
    pub struct Place {
        latitude: f64,
    }
}

fn main() {}
