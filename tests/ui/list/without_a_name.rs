smarterbase::schema! { { User } }

fn main() {}
