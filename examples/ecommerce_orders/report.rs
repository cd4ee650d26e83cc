//! Questions about orders, each answered by an index.

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{Order, OrderState},
};

/// What counts as large, in cents.
const LARGE: u64 = 5_000;

pub(crate) async fn print(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\nlarge orders by state, the largest first");
    let mut found = 0;
    for state in [
        OrderState::Placed,
        OrderState::Paid,
        OrderState::Shipped,
        OrderState::Cancelled,
    ] {
        let large = Order::query(db)
            .filter(|order| order.state.eq(state) & order.total_cents.ge(LARGE))
            .order_by(|order| order.total_cents.desc())
            .explain()
            .await?;
        let totals: Vec<u64> = large.result.iter().map(|order| order.total_cents).collect();
        println!("  {:10} {totals:?}", format!("{state:?}"));
        found += totals.len();
        let is_right = large
            .result
            .iter()
            .all(|order| order.state == state && order.total_cents >= LARGE);
        let is_sorted = totals.is_sorted_by(|one, next| one >= next);
        let plan = &large.profile.plan;
        checks.holds(
            &format!("found by {plan}"),
            is_right && is_sorted && plan.contains("by-state-total"),
        );
    }
    let scanned = Order::query(db)
        .scan()
        .retain(|order| order.total_cents >= LARGE);
    checks.equal(
        "a scan counts the same",
        scanned.count().await?,
        found as u64,
    );
    checks.at_least("large orders", found, 5);
    Ok(())
}
