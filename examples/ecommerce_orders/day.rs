//! An ordinary day in the shop, one step after the other.

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{Customer, NewCustomer, NewReview, Order, OrderState, Product, Review},
    race::LAST_ITEMS,
    refusal::{Refusal, or_refused},
    shop,
};

const PRODUCTS: [(&str, &str, u64, u32); 4] = [
    ("kettle", "Copper kettle", 4_900, 20),
    ("teapot", "Teapot for six", 2_450, 20),
    ("spoon", "Silver spoon", 650, 100),
    (LAST_ITEMS, "Gramophone of 1925", 89_000, 5),
];

pub(crate) async fn stock_the_shop(db: &Db) -> smarterbase::Result<()> {
    for (sku, title, price_cents, stock) in PRODUCTS {
        let product = Product {
            sku: sku.to_owned(),
            title: title.to_owned(),
            price_cents,
            stock,
            delivered: stock,
        };
        Product::create(db, product).await?;
    }
    Ok(())
}

/// Places, pays, ships and cancels orders of one customer.
pub(crate) async fn orders(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\none customer's orders");
    let ada = customer(db, "Ada", "ada@example.org").await?;
    let sent = shop::place(db, ada, &[("kettle", 1), ("spoon", 6)])
        .await?
        .id;
    let given_back = shop::place(db, ada, &[("kettle", 2)]).await?.id;
    let open = shop::place(db, ada, &[("teapot", 3)]).await?;
    checks.equal("an order knows its total", open.total_cents, 7_350);
    checks.equal(
        "what is ordered is not in stock",
        stock(db, "kettle").await?,
        17,
    );

    shop::pay(db, sent).await?;
    shop::ship(db, sent).await?;
    shop::cancel(db, given_back).await?;
    checks.equal(
        "what is cancelled is back in stock",
        stock(db, "kettle").await?,
        19,
    );
    cancel_too_late(db, sent, checks).await?;
    order_too_much(db, ada, checks).await
}

async fn cancel_too_late(db: &Db, sent: Id<Order>, checks: &mut Checks) -> anyhow::Result<()> {
    let refusal = or_refused(shop::cancel(db, sent).await)?.err();
    let expected = Refusal::NotAllowed {
        from: OrderState::Shipped,
        to: OrderState::Cancelled,
    };
    println!("  refused: {expected}");
    checks.equal(
        "what is shipped cannot be cancelled",
        refusal,
        Some(expected),
    );
    Ok(())
}

async fn order_too_much(db: &Db, ada: Id<Customer>, checks: &mut Checks) -> anyhow::Result<()> {
    let tried = shop::place(db, ada, &[("spoon", 1), ("teapot", 1_000)]).await;
    let refusal = or_refused(tried)?.err();
    checks.equal("too much is refused", refusal, Some(Refusal::SoldOut));
    checks.equal(
        "… and no spoon was taken for it",
        stock(db, "spoon").await?,
        94,
    );
    let orders = Order::find_by_customer_id(db, ada).count().await?;
    checks.equal("… and no order was written", orders, 3);
    Ok(())
}

/// Deletes what others refer to.
pub(crate) async fn deletions(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\nwhat goes along, and what must stay");
    let ada = Customer::find_by_email(db, "ADA@example.org").await?;
    let ada = ada.expect("she ordered").id;
    let refused = Customer::delete(db, &ada).await.err();
    let code = refused.as_ref().map(Error::code);
    checks.equal("a customer with orders stays", code, Some("SB-RESTRICTED"));

    let eve = customer(db, "Eve", "eve@example.org").await?;
    for (sku, customer) in [("kettle", eve), ("kettle", ada), ("spoon", eve)] {
        review(db, sku, customer).await?;
    }
    let plan = Customer::delete(db, &eve).dry_run().await?;
    println!("  deleting Eve would delete {:?}", plan.deleted);
    Customer::delete(db, &eve).await?;
    let left = Review::list(db).await?;
    let authors: Vec<_> = left.iter().map(|review| review.customer_id).collect();
    checks.equal("reviews go with their author", authors, vec![ada]);
    let kettle = left[0].fetch_sku(db).required().await?;
    checks.equal(
        "a reference leads to its document",
        kettle.sku.as_str(),
        "kettle",
    );
    Ok(())
}

async fn review(db: &Db, sku: &str, customer_id: Id<Customer>) -> smarterbase::Result<()> {
    let (sku, stars) = (sku.to_owned(), 4);
    let new = NewReview {
        sku,
        customer_id,
        stars,
    };
    Review::create(db, new).await.map(drop)
}

async fn customer(db: &Db, name: &str, email: &str) -> smarterbase::Result<Id<Customer>> {
    let (name, email) = (name.to_owned(), email.to_owned());
    Ok(Customer::create(db, NewCustomer { name, email }).await?.id)
}

async fn stock(db: &Db, sku: &str) -> smarterbase::Result<u32> {
    Ok(Product::get(db, &sku.to_owned()).required().await?.stock)
}
