smarterbase::schema! { Shop { User } }

struct User;

fn main() {}
