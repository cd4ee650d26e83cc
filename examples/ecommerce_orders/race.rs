//! Buyers and clerks at the same time: who wins is open, that nothing is sold twice is not.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{Customer, NewCustomer, Order, OrderState, Product},
    refusal::or_refused,
    shop,
};

/// Sold by one, to one buyer each.
pub(crate) const LAST_ITEMS: &str = "gramophone";

/// Lets many buyers take one of the last items each.
pub(crate) async fn for_the_last_items(
    db: &Db,
    buyers: u32,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    println!("\n{buyers} buyers at once, for the last gramophones");
    let before = stock(db).await?;
    let mut customers = Vec::new();
    for number in 0..buyers {
        customers.push(customer(db, number).await?);
    }
    let tries = customers
        .into_iter()
        .map(|customer| shop::place(db, customer, &[(LAST_ITEMS, 1)]));
    let (mut sold, mut refused) = (0, 0);
    for tried in join_all(tries).await {
        match or_refused(tried)? {
            Ok(_) => sold += 1,
            Err(_) => refused += 1,
        }
    }
    println!("  {sold} got one, {refused} were told that it is sold out");
    checks.equal(
        "nothing is oversold, nothing is left",
        (sold, stock(db).await?),
        (before, 0),
    );
    checks.at_least("buyers who came too late", refused, 1);
    Ok(())
}

async fn stock(db: &Db) -> smarterbase::Result<u32> {
    Ok(Product::get(db, &LAST_ITEMS.to_owned())
        .required()
        .await?
        .stock)
}

async fn customer(db: &Db, number: u32) -> smarterbase::Result<Id<Customer>> {
    let new = NewCustomer {
        name: format!("Buyer {number}"),
        email: format!("buyer-{number}@example.org"),
    };
    Ok(Customer::create(db, new).await?.id)
}

/// Ships and cancels the same paid orders at the same time. One of both happens to each. One more order stays as it was
/// placed, and one is paid only.
pub(crate) async fn between_shipping_and_cancelling(
    db: &Db,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    println!("\nthe warehouse ships while customers cancel");
    let placed = Order::query(db).filter(|order| order.state.eq(OrderState::Placed));
    let paid = placed.keys().await?.split_off(1);
    for order in &paid {
        shop::pay(db, *order).await?;
    }
    let raced = paid.iter().skip(1).zip(0..);
    let races = raced.map(|(order, number)| race(db, *order, number));
    let outcomes = try_join_all(races).await?;
    let shipped = outcomes.iter().filter(|(shipped, _)| *shipped).count();
    let cancelled = outcomes.iter().filter(|(_, cancelled)| *cancelled).count();
    println!("  {shipped} were shipped, {cancelled} were cancelled");
    let is_one = |(shipped, cancelled): &(bool, bool)| shipped != cancelled;
    checks.at_least("orders that two wanted to change", outcomes.len(), 2);
    checks.holds(
        "each was shipped or cancelled, never both",
        outcomes.iter().all(is_one),
    );
    Ok(())
}

/// Whether the order was shipped, and whether it was cancelled. Every other parcel is ready at once.
async fn race(db: &Db, order: Id<Order>, number: u64) -> anyhow::Result<(bool, bool)> {
    let shipping = async {
        if number % 2 == 1 {
            tokio::time::sleep(Duration::from_millis(number)).await;
        }
        shop::ship(db, order).await
    };
    let (shipped, cancelled) = tokio::join!(shipping, shop::cancel(db, order));
    Ok((or_refused(shipped)?.is_ok(), or_refused(cancelled)?.is_ok()))
}
