//! What must be true of all documents together, whatever happened. They are read at one instant.

use std::collections::BTreeMap;

use smarterbase::{Result, prelude::*};

use crate::{
    checks::Checks,
    model::{Customer, Line, Order, OrderState, Product},
};

pub(crate) async fn audit(db: &Db, checks: &mut Checks) -> Result<()> {
    println!("\nthe books");
    let (products, orders, customers) = read_everything(db).await?;
    let sold = sold(&orders);
    for product in &products {
        let sold = sold.get(&product.sku).copied().unwrap_or_default();
        let Product {
            sku,
            stock,
            delivered,
            ..
        } = &**product;
        println!("  {sku:12} {delivered:4} delivered, {stock:4} in stock, {sold:4} sold");
        checks.equal(
            &format!("{sku}: in stock and sold come to delivered"),
            u64::from(*stock) + sold,
            u64::from(*delivered),
        );
    }
    let is_right = |order: &Stored<Order>| {
        order.total_cents == order.lines.iter().map(Line::total_cents).sum::<u64>()
    };
    checks.holds(
        "every order's total is that of its lines",
        orders.iter().all(is_right),
    );
    let has_customer = |order: &Stored<Order>| customers.contains(&order.customer_id);
    checks.holds(
        "every order has its customer",
        orders.iter().all(has_customer),
    );
    checks.at_least("orders", orders.len(), 5);
    Ok(())
}

type Everything = (Vec<Stored<Product>>, Vec<Stored<Order>>, Vec<Id<Customer>>);

async fn read_everything(db: &Db) -> Result<Everything> {
    db.snapshot(|tx| async move {
        let customers = Customer::list(&tx).await?;
        let customers = customers.iter().map(|customer| customer.id).collect();
        Ok((
            Product::list(&tx).await?,
            Order::list(&tx).await?,
            customers,
        ))
    })
    .await
}

fn sold(orders: &[Stored<Order>]) -> BTreeMap<String, u64> {
    let mut sold = BTreeMap::new();
    let kept = orders
        .iter()
        .filter(|order| order.state != OrderState::Cancelled);
    for line in kept.flat_map(|order| &order.lines) {
        *sold.entry(line.sku.clone()).or_default() += u64::from(line.quantity);
    }
    sold
}
