//! Many people register at the same time, some of them several times.

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{NewUser, Role, User},
};

/// Registers each person once per spelling of the address, side by side: one result
/// for each try.
pub(crate) async fn rush(
    db: &Db,
    people: u32,
    spellings: u32,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    println!("{people} people register, {spellings} times each, all at once");
    let persons = (0..people).flat_map(|number| (0..spellings).map(move |way| (number, way)));
    let news = persons.map(|(number, way)| person(number, way));
    let (mut registered, mut refused) = (0, 0);
    for tried in User::create_many(db, news).await? {
        match tried {
            Ok(_) => registered += 1,
            Err(error) if error.field() == Some("email") => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    println!("  {registered} accounts, {refused} were told that the address is taken");
    checks.equal("each person has one account", registered, people as usize);
    checks.at_least("addresses that were taken", refused, 1);
    let found = User::find_by_email(db, "PERSON-0@example.ORG").await?;
    checks.holds("an address is found in any letters", found.is_some());
    Ok(())
}

/// An account that breaks two rules is refused with both.
pub(crate) async fn nonsense(db: &Db, checks: &mut Checks) {
    let mut new = person(0, 0);
    new.email = "not an address".to_owned();
    new.name = String::new();
    let refused = User::create(db, new).await.err();
    let broken = refused.as_ref().map_or(&[][..], Error::violations);
    let mut fields: Vec<_> = broken.iter().map(|rule| rule.field.as_str()).collect();
    fields.sort_unstable();
    checks.equal(
        "all broken rules are named at once",
        fields,
        vec!["email", "name"],
    );
}

/// Person `number`, with the address in one of three spellings.
fn person(number: u32, way: u32) -> NewUser {
    let email = match way {
        0 => format!("person-{number}@example.org"),
        1 => format!("Person-{number}@Example.org"),
        _ => format!("PERSON-{number}@EXAMPLE.ORG"),
    };
    let role = match number % 8 {
        0 => Role::Admin,
        1 | 2 => Role::Editor,
        _ => Role::Reader,
    };
    let family = if number.is_multiple_of(2) {
        "Lovelace"
    } else {
        "Hopper"
    };
    let mut tags = vec!["member".to_owned()];
    tags.extend(number.is_multiple_of(5).then(|| "newsletter".to_owned()));
    NewUser {
        email,
        name: format!("{family} {number:03}"),
        role,
        tags,
    }
}
