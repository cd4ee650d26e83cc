//! What happens to orders. Each function is one change that happens entirely or not at all.

use smarterbase::{Result, prelude::*};

use crate::{
    model::{Customer, Line, NewOrder, Order, OrderState, Product},
    refusal::Refusal,
};

/// A product and how many of it.
pub(crate) type Wanted = (&'static str, u32);

/// Takes the items out of stock and writes the order, or does nothing.
pub(crate) async fn place(
    db: &Db,
    customer: Id<Customer>,
    wanted: &[Wanted],
) -> Result<Stored<Order>> {
    db.transaction(|tx| async move {
        // Read in the transaction, so that nobody deletes the customer meanwhile.
        Customer::get(&tx, &customer).required().await?;
        let mut lines = Vec::new();
        for wanted in wanted {
            lines.push(take(&tx, wanted).await?);
        }
        let order = NewOrder {
            customer_id: customer,
            total_cents: lines.iter().map(Line::total_cents).sum(),
            lines,
            state: OrderState::Placed,
        };
        Order::create(&tx, order).await
    })
    .await
}

async fn take(tx: &Tx, &(sku, quantity): &Wanted) -> Result<Line> {
    let mut product = Product::get(tx, &sku.to_owned()).required().await?;
    let left = product.stock.checked_sub(quantity);
    product.stock = left.ok_or_else(|| Error::abort(Refusal::SoldOut))?;
    let price_cents = product.price_cents;
    product.save(tx).await?;
    Ok(Line {
        sku: sku.to_owned(),
        quantity,
        price_cents,
    })
}

pub(crate) async fn pay(db: &Db, order: Id<Order>) -> Result<Stored<Order>> {
    advance(db, order, OrderState::Paid).await
}

pub(crate) async fn ship(db: &Db, order: Id<Order>) -> Result<Stored<Order>> {
    advance(db, order, OrderState::Shipped).await
}

/// One document needs no transaction: `update` reads, changes and swaps, again when somebody else was faster.
async fn advance(db: &Db, order: Id<Order>, next: OrderState) -> Result<Stored<Order>> {
    Order::update(db, &order, |order| step(order, next)).await
}

/// Cancels the order and gives its items back, or does nothing.
pub(crate) async fn cancel(db: &Db, order: Id<Order>) -> Result<Stored<Order>> {
    db.transaction(|tx| async move {
        let mut order = Order::get(&tx, &order).required().await?;
        step(&mut order, OrderState::Cancelled)?;
        for line in &order.lines {
            Product::update(&tx, &line.sku, |product| {
                product.stock += line.quantity;
                Ok(())
            })
            .await?;
        }
        order.save(&tx).await?;
        Ok(order)
    })
    .await
}

fn step(order: &mut Order, to: OrderState) -> Result<()> {
    let from = order.state;
    if !from.may_become(to) {
        return Err(Error::abort(Refusal::NotAllowed { from, to }));
    }
    order.state = to;
    Ok(())
}
