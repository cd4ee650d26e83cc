//! The settings, the tenants, and what each of them wants otherwise.

use smarterbase::{Result, prelude::*};

use crate::{
    effective,
    model::{Setting, Tenant, Value},
};

pub(crate) const SETTINGS: usize = 5;

pub(crate) async fn found(db: &Db, tenants: u32) -> Result<()> {
    for (name, default) in settings() {
        let name = name.to_owned();
        Setting::create(db, Setting { name, default }).await?;
    }
    for number in 0..tenants {
        let (id, name) = (tenant(number), format!("Tenant number {number}"));
        Tenant::create(db, Tenant { id, name }).await?;
        override_some(db, number).await?;
    }
    Ok(())
}

/// The key of a tenant.
pub(crate) fn tenant(number: u32) -> String {
    format!("tenant-{number:03}")
}

fn settings() -> [(&'static str, Value); SETTINGS] {
    [
        ("greeting", Value::Text("hello".to_owned())),
        ("language", Value::Text("en".to_owned())),
        ("max-users", Value::Number(25)),
        ("retention-days", Value::Number(30)),
        ("single-sign-on", Value::Switch(false)),
    ]
}

/// Three settings each; the first tenant's greeting stays the default one.
async fn override_some(db: &Db, number: u32) -> Result<()> {
    let tenant = tenant(number);
    let own = [
        ("max-users", Value::Number(100 + i64::from(number))),
        ("retention-days", Value::Number(90)),
        ("single-sign-on", Value::Switch(number.is_multiple_of(2))),
    ];
    for (setting, value) in own {
        effective::set(db, &tenant, setting, value, "founder").await?;
    }
    Ok(())
}
