//! What one tenant may do, and that others do not notice.

use futures::future::try_join_all;
use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    effective,
    founding::tenant,
    model::{NewOverride, Override, Value},
};

/// Defaults hold until a tenant overrides them, for this tenant only.
pub(crate) async fn of_defaults(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    let (one, other) = (tenant(0), tenant(1));
    println!("\n{one}'s configuration");
    let configuration = effective::configuration(db, &one).await?;
    for (name, value) in &configuration {
        println!("  {name:16} {value}");
    }
    let numbers = [&one, &other].map(|tenant| effective::value(db, tenant, "max-users"));
    let numbers = try_join_all(numbers).await?;
    let expected = vec![Value::Number(100), Value::Number(101)];
    checks.equal("each tenant has a number of its own", numbers, expected);
    let greeting = Value::Text("hello".to_owned());
    let found = effective::value(db, &one, "greeting").await?;
    checks.equal(
        "what is not overridden is the default",
        found,
        greeting.clone(),
    );
    checks.equal(
        "… in the whole configuration, too",
        &configuration["greeting"],
        &greeting,
    );
    Ok(())
}

/// People of one tenant set the same setting for the first time at once. There is one override in the end.
pub(crate) async fn of_uniqueness(db: &Db, rivals: u32, checks: &mut Checks) -> anyhow::Result<()> {
    let tenant = tenant(1);
    println!("\n{rivals} people set {tenant}'s language at once");
    let news = (0..rivals).map(|number| NewOverride {
        tenant_id: tenant.clone(),
        setting_name: "language".to_owned(),
        value: Value::Text(format!("x-{number}")),
        changed_by: format!("person {number}"),
    });
    let created = Override::create_many(db, news).await?;
    let refused = created.iter().filter_map(|tried| tried.as_ref().err());
    let codes: Vec<_> = refused.map(Error::code).collect();
    checks.holds(
        "all but one are refused",
        codes.len() + 1 == rivals as usize,
    );
    checks.holds(
        "… since the value is taken",
        codes.iter().all(|code| *code == "SB-UNIQUE"),
    );
    checks.at_least("refused", codes.len(), 1);

    let people: Vec<_> = (0..rivals)
        .map(|number| format!("person {number}"))
        .collect();
    let sets = people.iter().map(|by| {
        let value = Value::Text(by.clone());
        effective::set(db, &tenant, "greeting", value, by)
    });
    let set = try_join_all(sets).await?;
    let is_one = set.iter().all(|own| own.id == set[0].id);
    checks.holds(
        "who looks again after that changes the same override",
        is_one,
    );
    Ok(())
}

/// Every version is kept, and an old one can come back.
pub(crate) async fn of_versions(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    let tenant = tenant(0);
    println!("\n{tenant} changes its mind about the retention");
    for days in [120, 3, 7] {
        effective::set(db, &tenant, "retention-days", Value::Number(days), "Ada").await?;
    }
    let own = Override::find_by_tenant_id_and_setting_name(db, &tenant, "retention-days").await?;
    let own = own.expect("it was set").id;
    let versions = Override::history(db, &own).await?;
    for version in &versions {
        let Override {
            value, changed_by, ..
        } = &**version;
        println!(
            "  revision {}: {value}, by {changed_by}",
            version.revision()
        );
    }
    let values: Vec<_> = versions
        .iter()
        .map(|version| version.value.clone())
        .collect();
    let expected = [90, 120, 3, 7].map(Value::Number);
    checks.equal(
        "every value is remembered",
        values.as_slice(),
        expected.as_slice(),
    );

    let good = versions[1].value.clone();
    effective::set(db, &tenant, "retention-days", good, "Grace").await?;
    let found = effective::value(db, &tenant, "retention-days").await?;
    checks.equal("an old value is set again", found, Value::Number(120));
    checks.equal(
        "… as one more version",
        Override::history(db, &own).await?.len(),
        5,
    );
    Ok(())
}
