//! Today's program at work: several writers that change, save, make and find products at the same time.

use std::{sync::Arc, time::Duration};

use smarterbase::{Result, prelude::*};

use crate::{
    chance::Chance,
    journal::{Program, Shared},
    model::{NewProduct, Product, Status},
    report::{Facts, Line, Write},
};

/// How many work side by side.
const LANES: u64 = 3;
const PAUSE: Duration = Duration::from_millis(15);
/// The version of today.
pub(crate) const TODAY: u32 = 4;
/// A brand that no program adds a product to.
const BRAND: &str = "Umbra";

/// Works until it is dropped.
pub(crate) struct Writer {
    db: Db,
    journal: Shared,
    ids: Arc<[Id<Product>]>,
    chance: Chance,
    lane: u64,
    made: u64,
}

/// Writers on these products.
pub(crate) fn writers(db: &Db, ids: &[String], seed: u64, journal: &Shared) -> Vec<Writer> {
    let ids: Arc<[Id<Product>]> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let writer = |lane| Writer {
        db: db.clone(),
        journal: journal.clone(),
        ids: ids.clone(),
        chance: Chance::new(seed, &[lane]),
        lane,
        made: 0,
    };
    (0..LANES).map(writer).collect()
}

impl Writer {
    /// Works until the flag says that it is enough: an order that was begun is always ended.
    pub(crate) async fn work(mut self, is_over: impl Fn() -> bool) {
        while !is_over() {
            let (what, done) = self.order().await;
            match done {
                Ok(lines) => lines.into_iter().for_each(|line| self.tell(line)),
                Err(error) => self.tell(failed(what, &error)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn tell(&self, line: Line) {
        self.journal.record(Program::New, line);
    }

    async fn order(&mut self) -> (&'static str, Result<Vec<Line>>) {
        if self.chance.one_in(12) {
            return ("create", self.make().await);
        }
        match self.chance.below(11) {
            0 | 1 => ("find", self.find().await),
            2..=4 => ("transaction", self.restock_two().await),
            5..=8 => ("save", self.save().await),
            _ => ("update", self.update().await),
        }
    }

    fn choose(&mut self) -> Id<Product> {
        let number = self.chance.below(self.ids.len() as u64);
        self.ids[usize::try_from(number).expect("below a length")]
    }

    async fn make(&mut self) -> Result<Vec<Line>> {
        self.made += 1;
        let new = NewProduct {
            sku: format!("new-{}-{}", self.lane, self.made),
            brand: "New".to_owned(),
            title: format!("Product {}", self.made),
            cents: 100 + self.made,
            place: Some("Dock".to_owned()),
            stock: 1,
            status: Status::OnSale,
        };
        let product = Product::create(&self.db, new).await?;
        Ok(vec![Line::Created(facts(&product), write(&product, 1))])
    }

    async fn find(&mut self) -> Result<Vec<Line>> {
        let products = Product::find_by_brand(&self.db, BRAND).await?;
        let ids = products.iter().map(|product| product.id.to_string());
        Ok(vec![Line::Found {
            brand: BRAND.to_owned(),
            ids: ids.collect(),
        }])
    }

    async fn update(&mut self) -> Result<Vec<Line>> {
        let key = self.choose();
        let product = Product::update(&self.db, &key, |product| {
            product.stock += 1;
            Ok(())
        })
        .await?;
        Ok(vec![
            Line::Read(facts(&product)),
            Line::Wrote(write(&product, 1)),
        ])
    }

    async fn save(&mut self) -> Result<Vec<Line>> {
        let key = self.choose();
        let mut product = Product::get(&self.db, &key).required().await?;
        let read = Line::Read(facts(&product));
        product.stock += 2;
        product.save(&self.db).await?;
        Ok(vec![read, Line::Wrote(write(&product, 2))])
    }

    async fn restock_two(&mut self) -> Result<Vec<Line>> {
        let (one, other) = (self.choose(), self.choose());
        let writes = self.db.transaction(|tx| async move {
            let mut writes = vec![restock(&tx, one).await?];
            if other != one {
                writes.push(restock(&tx, other).await?);
            }
            Ok(writes)
        });
        Ok(writes.await?.into_iter().map(Line::Wrote).collect())
    }
}

/// What the transaction will have written when it is committed.
async fn restock(tx: &Tx, key: Id<Product>) -> Result<Write> {
    let mut product = Product::get(tx, &key).required().await?;
    let revision = product.revision() + 1;
    product.stock += 3;
    product.save(tx).await?;
    Ok(Write {
        id: key.to_string(),
        revision,
        version: TODAY,
        added: 3,
    })
}

/// A race that was lost is an answer; anything else is not.
fn failed(what: &str, error: &Error) -> Line {
    let what = what.to_owned();
    match error.kind() {
        ErrorKind::Conflict => Line::Refused {
            what,
            code: error.code().to_owned(),
        },
        _ => Line::Failed {
            what,
            error: error.to_string(),
        },
    }
}

pub(crate) fn write(product: &Stored<Product>, added: u64) -> Write {
    Write {
        id: product.id.to_string(),
        revision: product.revision(),
        version: product.meta().schema_version,
        added,
    }
}

fn facts(product: &Product) -> Facts {
    Facts {
        id: product.id.to_string(),
        sku: product.sku.clone(),
        brand: product.brand.clone(),
        title: product.title.clone(),
        cents: product.cents,
        place: product.place.clone(),
    }
}
