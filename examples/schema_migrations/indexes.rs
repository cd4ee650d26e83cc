//! Is every index ready, and does it find every product it should and nothing else?

use std::sync::Arc;

use smarterbase::{Result, port::CasStore, prelude::*};
use smarterbase_testkit::invariant;

use crate::{audit::Findings, model::Product};

pub(crate) async fn check(
    db: &Db,
    store: &Arc<dyn CasStore>,
    findings: &mut Findings,
) -> Result<()> {
    for definition in db.definitions::<Product>().await? {
        findings.definitions += 1;
        let states = definition
            .state
            .into_iter()
            .chain(definition.backends.into_values());
        if states.into_iter().any(|state| state != "ready") {
            findings.breach(format!("{} is not ready", definition.name));
        }
    }
    // Every entry has its product and every product its entries; and every value that a product has is asked for.
    findings
        .broken
        .extend(invariant::damage::<Product>(&**store).await);
    let wrong = invariant::wrong_answers::<Product>(db, &**store).await;
    findings.broken.extend(wrong);
    Ok(())
}
