//! What overrides refer to is read once for each setting and tenant, not once for each override (no "N+1").

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    founding::{SETTINGS, tenant},
    model::Override,
};

/// A process looks at each collection's catalog every few seconds besides: so many GETs may come on top.
const CATALOGS: u64 = 3;

pub(crate) async fn count(db: &Db, tenants: u32, checks: &mut Checks) -> smarterbase::Result<()> {
    println!("\nrequests");
    let (overrides, read) = counted(db, Override::list(db)).await?;
    println!(
        "  {} overrides were read with {} GETs",
        overrides.len(),
        read
    );
    checks.at_least("overrides", overrides.len(), SETTINGS * 4);

    let (settings, gets) =
        counted(db, Override::REFERENCES.setting.load_many(db, &overrides)).await?;
    let used = settings.len() as u64;
    checks.holds(
        "all their settings",
        used <= SETTINGS as u64 && overrides.iter().all(|own| settings.of(own).is_some()),
    );
    checks.at_most("… GETs for them", gets, used + CATALOGS);

    let (owners, gets) = counted(db, Override::REFERENCES.tenant.load_many(db, &overrides)).await?;
    checks.equal("all their tenants", owners.len(), tenants as usize);
    checks.at_most("… GETs for them", gets, u64::from(tenants) + CATALOGS);

    let one = tenant(0);
    let pairs = Override::find_by_tenant_id(db, &one).with(Override::REFERENCES.setting);
    let (pairs, gets) = counted(db, pairs).await?;
    for (own, setting) in &pairs {
        let default = setting.as_ref().map(|setting| setting.default.to_string());
        let default = default.unwrap_or_default();
        println!(
            "  {one}: {} is {}, by default {default}",
            own.setting_name, own.value
        );
    }
    let number = pairs.len() as u64;
    checks.at_least(
        "overrides of one tenant with their settings",
        pairs.len(),
        3,
    );
    checks.at_most("… GETs for both", gets, 2 * number + CATALOGS);
    Ok(())
}

/// What a request gives, and how many documents it read for that.
async fn counted<R: IntoFuture<Output = smarterbase::Result<T>>, T>(
    db: &Db,
    request: R,
) -> smarterbase::Result<(T, u64)> {
    let before = db.request_counts().snapshot();
    let given = request.await?;
    Ok((given, (db.request_counts().snapshot() - before).gets))
}
