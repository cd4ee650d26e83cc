//! What the workers do: each order is one transaction, or one plain write.

use smarterbase::{Result, prelude::*};

use crate::{
    chance::Chance,
    model::{self, Account, Closing, Entry, Overdrawn, Part, Sighting, Transfer},
};

/// An order that is about to be carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Names the order for ever: `<worker>.<incarnation>.<lane>.<number>`.
    pub(crate) mark: String,
    pub(crate) kind: Kind,
    /// The accounts it is about, each once.
    pub(crate) slots: Vec<String>,
    pub(crate) amount: i64,
    /// A new branch or holder.
    pub(crate) value: String,
}

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    smarterbase::Embedded,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// One account pays another.
    Pay,
    /// One account pays two others.
    Split,
    /// An account is opened with money of another.
    Open,
    /// An account is closed, and another gets its money.
    Close,
    /// Two accounts change their holders: a unique value moves both ways.
    Swap,
    /// An account gets the branch of another, which is only read: the object itself decides.
    Follow,
    /// An account gets a holder that may be taken.
    Rename,
    /// A plain write beside all transactions.
    Touch,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Pay,
        Self::Split,
        Self::Open,
        Self::Close,
        Self::Swap,
        Self::Follow,
        Self::Rename,
        Self::Touch,
    ];

    fn random(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..60 => Self::Pay,
            60..68 => Self::Split,
            68..76 => Self::Open,
            76..78 => Self::Close,
            78..82 => Self::Swap,
            82..88 => Self::Follow,
            88..92 => Self::Rename,
            _ => Self::Touch,
        }
    }

    /// How many accounts an order is about.
    fn accounts(self) -> usize {
        match self {
            Self::Split => 3,
            Self::Rename | Self::Touch => 1,
            _ => 2,
        }
    }

    /// How many of them it writes.
    pub(crate) fn writes(self) -> usize {
        if self == Self::Follow {
            1
        } else {
            self.accounts()
        }
    }

    /// Whether a [`Transfer`] tells of it.
    pub(crate) fn leaves_transfer(self) -> bool {
        !matches!(self, Self::Follow | Self::Rename | Self::Touch)
    }
}

impl Order {
    pub(crate) fn random(mark: String, chance: &mut Chance) -> Self {
        let kind = Kind::random(chance);
        let value = match kind {
            Kind::Open | Kind::Rename => model::holder(chance),
            _ => model::branch(chance),
        };
        Self {
            mark,
            kind,
            slots: slots(kind, chance),
            amount: 1 + i64::try_from(chance.below(60)).expect("a small number"),
            value,
        }
    }

    /// Carries the order out. Gives how many attempts it took.
    pub(crate) async fn carry_out(&self, db: &Db) -> Result<u32> {
        if self.kind == Kind::Touch {
            return self.touch(db).await;
        }
        db.transaction(|tx| async move {
            self.carry_out_in(&tx).await?;
            Ok(tx.attempt())
        })
        .await
    }

    async fn carry_out_in(&self, tx: &Tx) -> Result<()> {
        match self.kind {
            Kind::Pay | Kind::Split => self.pay(tx).await,
            Kind::Open => self.open(tx).await,
            Kind::Close => self.close(tx).await,
            Kind::Swap => self.swap(tx).await,
            Kind::Follow => self.follow(tx).await,
            Kind::Rename | Kind::Touch => self.rename(tx).await,
        }
    }

    /// The takers first: an order that is given up has written something by then.
    async fn pay(&self, tx: &Tx) -> Result<()> {
        let mut parts = Vec::new();
        for taker in &self.slots[1..] {
            parts.push(self.book(tx, taker, self.amount).await?);
        }
        let paid: i64 = parts.iter().map(|part| part.amount).sum();
        parts.push(self.book(tx, &self.slots[0], -paid).await?);
        self.leave_transfer(tx, parts).await
    }

    async fn open(&self, tx: &Tx) -> Result<()> {
        let account = Account {
            slot: self.slots[0].clone(),
            holder: self.value.clone(),
            branch: "branch-0".to_owned(),
            balance: self.amount,
            trail: vec![self.entry(self.amount)],
        };
        Account::create(tx, account).await?;
        let opened = Part {
            slot: self.slots[0].clone(),
            amount: self.amount,
        };
        let paid = self.book(tx, &self.slots[1], -self.amount).await?;
        self.leave_transfer(tx, vec![opened, paid]).await
    }

    async fn close(&self, tx: &Tx) -> Result<()> {
        let account = Account::get(tx, &self.slots[0]).required().await?;
        let amount = account.balance;
        let mut closing = Closing {
            mark: self.mark.clone(),
            slot: account.slot.clone(),
            born: Account::born(account.revision(), &account.trail),
            trail: account.trail.clone(),
        };
        closing.trail.push(self.entry(-amount));
        account.remove(tx).await?;
        Closing::create(tx, closing).await?;
        let closed = Part {
            slot: self.slots[0].clone(),
            amount: -amount,
        };
        let inherited = self.book(tx, &self.slots[1], amount).await?;
        self.leave_transfer(tx, vec![closed, inherited]).await
    }

    async fn swap(&self, tx: &Tx) -> Result<()> {
        let mut one = Account::get(tx, &self.slots[0]).required().await?;
        let mut other = Account::get(tx, &self.slots[1]).required().await?;
        std::mem::swap(&mut one.holder, &mut other.holder);
        let mut parts = Vec::new();
        for mut account in [one, other] {
            account.trail.push(self.entry(0));
            account.save(tx).await?;
            let slot = account.slot.clone();
            parts.push(Part { slot, amount: 0 });
        }
        self.leave_transfer(tx, parts).await
    }

    async fn follow(&self, tx: &Tx) -> Result<()> {
        let leader = Account::get(tx, &self.slots[1]).required().await?;
        let mut account = Account::get(tx, &self.slots[0]).required().await?;
        account.branch.clone_from(&leader.branch);
        let saw = Sighting {
            slot: leader.slot.clone(),
            revision: leader.revision(),
        };
        account.trail.push(Entry {
            saw: Some(saw),
            ..self.entry(0)
        });
        account.save(tx).await
    }

    async fn rename(&self, tx: &Tx) -> Result<()> {
        let mut account = Account::get(tx, &self.slots[0]).required().await?;
        account.holder.clone_from(&self.value);
        account.trail.push(self.entry(0));
        account.save(tx).await
    }

    async fn touch(&self, db: &Db) -> Result<u32> {
        let mut attempts = 0;
        Account::update(db, &self.slots[0], |account| {
            attempts += 1;
            account.branch.clone_from(&self.value);
            account.trail.push(self.entry(0));
            Ok(())
        })
        .await?;
        Ok(attempts)
    }

    async fn book(&self, tx: &Tx, slot: &String, amount: i64) -> Result<Part> {
        let mut account = Account::get(tx, slot).required().await?;
        account.balance += amount;
        if account.balance < 0 {
            return Err(Error::abort(Overdrawn));
        }
        account.trail.push(self.entry(amount));
        account.save(tx).await?;
        let slot = slot.clone();
        Ok(Part { slot, amount })
    }

    async fn leave_transfer(&self, tx: &Tx, parts: Vec<Part>) -> Result<()> {
        let transfer = Transfer {
            mark: self.mark.clone(),
            kind: self.kind,
            parts,
        };
        Transfer::create(tx, transfer).await.map(drop)
    }

    fn entry(&self, amount: i64) -> Entry {
        Entry {
            mark: self.mark.clone(),
            amount,
            saw: None,
        }
    }
}

/// Different accounts; the first one is cold where it is opened or closed.
fn slots(kind: Kind, chance: &mut Chance) -> Vec<String> {
    let mut slots = match kind {
        Kind::Open | Kind::Close => vec![model::cold_slot(chance)],
        _ => Vec::new(),
    };
    while slots.len() < kind.accounts() {
        let slot = model::slot(chance);
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    slots
}
