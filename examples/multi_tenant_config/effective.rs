//! What holds for a tenant: the defaults, and over them what the tenant says.

use std::collections::BTreeMap;

use smarterbase::{Result, prelude::*};

use crate::model::{NewOverride, Override, Setting, Value};

/// How often a lost race is run again.
const ATTEMPTS: u32 = 10;

/// Every setting as it is for this tenant.
pub(crate) async fn configuration(db: &Db, tenant: &str) -> Result<BTreeMap<String, Value>> {
    let settings = Setting::list(db).await?;
    let overrides = Override::find_by_tenant_id(db, tenant).await?;
    let defaults = settings
        .iter()
        .map(|setting| (setting.name.clone(), setting.default.clone()));
    let own = overrides
        .iter()
        .map(|own| (own.setting_name.clone(), own.value.clone()));
    Ok(defaults.chain(own).collect())
}

/// One setting as it is for this tenant: a find by a unique value, and a get where there is none.
pub(crate) async fn value(db: &Db, tenant: &str, setting: &str) -> Result<Value> {
    if let Some(own) = Override::find_by_tenant_id_and_setting_name(db, tenant, setting).await? {
        return Ok(own.into_inner().value);
    }
    let setting = Setting::get(db, &setting.to_owned()).required().await?;
    Ok(setting.into_inner().default)
}

/// Sets a value, whether there is one already or not.
///
/// Who sets the same for the first time elsewhere may be faster, and who removes it too: then it looks again.
pub(crate) async fn set(
    db: &Db,
    tenant: &str,
    setting: &str,
    value: Value,
    by: &str,
) -> Result<Stored<Override>> {
    let mut attempt = 1;
    loop {
        let tried = set_once(db, tenant, setting, &value, by).await;
        match tried {
            Err(error) if attempt < ATTEMPTS && is_lost_race(&error) => attempt += 1,
            other => return other,
        }
    }
}

async fn set_once(
    db: &Db,
    tenant: &str,
    setting: &str,
    value: &Value,
    by: &str,
) -> Result<Stored<Override>> {
    let found = Override::find_by_tenant_id_and_setting_name(db, tenant, setting).await?;
    let Some(found) = found else {
        let new = NewOverride {
            tenant_id: tenant.to_owned(),
            setting_name: setting.to_owned(),
            value: value.clone(),
            changed_by: by.to_owned(),
        };
        return Override::create(db, new).await;
    };
    Override::update(db, &found.id, |own| {
        own.value = value.clone();
        by.clone_into(&mut own.changed_by);
        Ok(())
    })
    .await
}

fn is_lost_race(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unique | ErrorKind::NotFound)
}
