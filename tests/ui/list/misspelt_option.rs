smarterbase::schema! {
    #[schema(folder = "locks")]
    Shop {}
}

fn main() {}
