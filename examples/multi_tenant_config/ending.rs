//! A tenant leaves with everything that is its own, and a setting that is in use stays.

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    effective,
    founding::tenant,
    model::{Override, Setting, Tenant, Value},
};

pub(crate) async fn of_a_tenant(db: &Db, tenants: u32, checks: &mut Checks) -> anyhow::Result<()> {
    let leaving = tenant(0);
    println!("\n{leaving} leaves");
    let (own, all) = (
        Override::find_by_tenant_id(db, &leaving).count().await?,
        count(db).await?,
    );
    let plan = Tenant::delete(db, &leaving).dry_run().await?;
    println!("  a deletion would delete {:?}", plan.deleted);
    let planned = plan.deleted.get("overrides").copied().unwrap_or_default();
    checks.equal("the plan names its overrides", planned as u64, own);
    checks.equal("… and changes nothing", count(db).await?, all);

    checks.holds("it was there", Tenant::delete(db, &leaving).await?);
    checks.equal(
        "its overrides are gone, those of others stay",
        count(db).await?,
        all - own,
    );
    checks.at_least("overrides that went along", usize::try_from(own)?, 3);
    let left = Tenant::list(db).await?.len();
    checks.equal("the other tenants stay", left, tenants as usize - 1);
    let value = effective::value(db, &leaving, "max-users").await?;
    checks.equal("for it the defaults hold", value, Value::Number(25));
    Ok(())
}

pub(crate) async fn of_a_setting(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\na setting is given up");
    let name = "max-users".to_owned();
    let refused = Setting::delete(db, &name).await.err();
    let code = refused.as_ref().map(Error::code);
    checks.equal(
        "not while somebody overrides it",
        code,
        Some("SB-RESTRICTED"),
    );
    let overrides = Override::find_by_setting_name(db, &name);
    let deleted = overrides.delete().await?;
    println!("  {deleted} overrides of it were deleted first");
    checks.holds("then it goes", Setting::delete(db, &name).await?);
    Ok(())
}

async fn count(db: &Db) -> smarterbase::Result<u64> {
    Override::query(db).scan().count().await
}
