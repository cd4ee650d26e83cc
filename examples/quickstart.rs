//! The main job on an embedded store, with no service at all: `cargo run --example quickstart [folder]`.

#![allow(missing_docs, reason = "the program is the documentation")]
#![allow(clippy::print_stdout, reason = "an example shows what happened")]

use smarterbase::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
#[document(name = "users", new(NewUser))]
pub struct User {
    #[key(auto)]
    pub id: Id<User>,
    #[unique(lower)]
    #[validate(email)]
    pub email: String,
    pub name: String,
    #[index]
    pub plan: Plan,
    #[index(range)]
    #[field(created_at)]
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Embedded)]
pub enum Plan {
    Free,
    Pro,
    Team,
}

fn user(email: &str, name: &str, plan: Plan) -> NewUser {
    NewUser {
        email: email.into(),
        name: name.into(),
        plan,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "./data/quickstart".into());
    if std::env::args().nth(1).is_none() && std::fs::exists(&folder)? {
        std::fs::remove_dir_all(&folder)?; // Each run starts anew.
    }
    let db = smarterbase::open(&folder).await?;
    println!("opened    {folder} (no service, one folder)");

    let ada = User::create(&db, user("ada@example.org", "Ada", Plan::Pro)).await?;
    User::create(&db, user("grace@example.org", "Grace", Plan::Pro)).await?;
    User::create(&db, user("alan@example.org", "Alan", Plan::Free)).await?;
    println!("created   3 users, the first is {}", ada.id);

    let refused = User::create(&db, user("ADA@example.org", "Impostor", Plan::Free))
        .await
        .expect_err("refused");
    println!("refused   {refused}");
    let invalid = User::create(&db, user("not an address", "Nobody", Plan::Free))
        .await
        .expect_err("refused");
    println!("refused   {invalid}");

    let before = db.request_counts().snapshot();
    let found = User::find_by_email(&db, "Ada@Example.org")
        .await?
        .expect("created above");
    let requests = db.request_counts().snapshot() - before;
    println!(
        "found     {} by unique e-mail with {} requests",
        found.name,
        requests.total()
    );

    let before = db.request_counts().snapshot();
    let pros = User::find_by_plan(&db, Plan::Pro).await?;
    let requests = db.request_counts().snapshot() - before;
    let names: Vec<&str> = pros.iter().map(|user| user.name.as_str()).collect();
    println!(
        "queried   plan = Pro: {} with {} requests ({} list, {} get)",
        names.join(", "),
        requests.total(),
        requests.lists,
        requests.gets
    );

    let mut mine = User::get(&db, &ada.id).required().await?;
    let mut theirs = mine.clone();
    theirs.name = "Ada Lovelace".into();
    theirs.save(&db).await?;
    mine.plan = Plan::Team;
    let conflict = mine.save(&db).await.expect_err("refused");
    println!("conflict  {conflict}");
    mine.reload(&db).await?;
    mine.plan = Plan::Team;
    mine.save(&db).await?;
    println!(
        "resolved  {} is on plan {:?} at revision {}: both changes are there",
        mine.name,
        mine.plan,
        mine.revision()
    );

    let path = format!("{folder}/users/{}.json", ada.id);
    println!("on disk   {path}");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    println!(
        "          email {}, name {}, plan {}",
        json["email"], json["name"], json["plan"]
    );
    db.close().await;
    Ok(())
}
