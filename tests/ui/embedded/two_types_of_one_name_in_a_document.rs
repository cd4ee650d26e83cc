use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = "members")]
struct User {
    #[key]
    id: String,
    home: Option<Place>,
    trips: Vec<Trip>,
}

#[derive(Serialize, Deserialize, Embedded)]
struct Place {
    street: String,
}

#[derive(Serialize, Deserialize, Embedded)]
struct Trip {
    from: other::Place,
}

mod other {
    use smarterbase::prelude::*;

    #[derive(Serialize, Deserialize, Embedded)]
    pub struct Place {
        latitude: f64,
    }
}

/// The same type twice is one type.
#[derive(Serialize, Deserialize, Document)]
#[document(name = "visits")]
struct Visit {
    #[key]
    id: String,
    from: Place,
    to: Vec<Option<Place>>,
}

fn main() {}
