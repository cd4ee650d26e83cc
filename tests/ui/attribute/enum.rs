use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
enum Plan {
    Free,
    Pro,
}

fn use_it(plan: Plan) {
    let _ = plan.key();
}

fn main() {}
