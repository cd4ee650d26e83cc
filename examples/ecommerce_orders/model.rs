//! What is stored.

use smarterbase::{prelude::*, schema};

/// What can be bought.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
#[document(name = "products")]
pub(crate) struct Product {
    #[key]
    pub(crate) sku: String,
    #[validate(length(min = 1))]
    pub(crate) title: String,
    pub(crate) price_cents: u64,
    /// How many can still be bought.
    pub(crate) stock: u32,
    /// How many there were in the beginning.
    pub(crate) delivered: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
#[document(name = "customers", new(NewCustomer))]
pub(crate) struct Customer {
    #[key(auto)]
    pub(crate) id: Id<Customer>,
    pub(crate) name: String,
    #[unique(lower)]
    #[validate(email)]
    pub(crate) email: String,
}

/// An opinion goes when its product goes, or its author.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
#[document(name = "reviews", new(NewReview))]
pub(crate) struct Review {
    #[key(auto)]
    pub(crate) id: Id<Review>,
    #[references(Product, on_delete = cascade)]
    pub(crate) sku: String,
    #[references(Customer, on_delete = cascade)]
    pub(crate) customer_id: Id<Customer>,
    #[validate(range(min = 1, max = 5))]
    pub(crate) stars: u8,
}

/// An order keeps its customer: nobody can delete who has one.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(
    name = "orders",
    new(NewOrder),
    index(fields(state, total_cents), name = by_state_total, range)
)]
pub(crate) struct Order {
    #[key(auto)]
    pub(crate) id: Id<Order>,
    #[references(Customer, on_delete = restrict)]
    pub(crate) customer_id: Id<Customer>,
    pub(crate) lines: Vec<Line>,
    pub(crate) state: OrderState,
    pub(crate) total_cents: u64,
    #[field(created_at)]
    pub(crate) ordered_at: Timestamp,
}

/// One line of an order, stored inside of it, with the price of the day.
#[derive(Clone, Debug, Serialize, Deserialize, Embedded)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
    pub(crate) price_cents: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
pub(crate) enum OrderState {
    Placed,
    Paid,
    Shipped,
    Cancelled,
}

schema! { pub(crate) Shop { Product, Customer, Review, Order } }

impl Line {
    pub(crate) fn total_cents(&self) -> u64 {
        u64::from(self.quantity) * self.price_cents
    }
}

impl OrderState {
    /// The state machine: what was shipped or cancelled stays so.
    pub(crate) fn may_become(self, next: Self) -> bool {
        use OrderState::{Cancelled, Paid, Placed, Shipped};
        matches!(
            (self, next),
            (Placed, Paid) | (Paid, Shipped) | (Placed | Paid, Cancelled)
        )
    }
}
