//! Worlds to begin with.

use smarterbase_core::{
    format::{Envelope, Key, claim, envelope::State},
    protocol::Rules,
};

use super::{
    claimer::{self, Claimer, Order},
    client::Program,
    facts::{HASH, Maker, UNIQUE},
    medic::Medic,
    plain::{self, Aim, Plain},
    plan::claim_key,
    shape::{ClaimAim, Shape},
    transaction::Transaction,
    world::{Faults, World},
};

/// Documents that every one of these worlds is about.
pub(crate) fn document(number: u8) -> Key {
    Key::from_stored(format!("users/{number}.json"))
}

pub(crate) fn x() -> Key {
    document(0)
}

pub(crate) fn y() -> Key {
    document(1)
}

pub(crate) fn z() -> Key {
    document(2)
}

fn first_version(number: u8) -> Envelope {
    let nonce = Maker::nobody(number);
    plain::envelope(None, State::Live, nonce, nonce)
}

/// A transaction.
pub(crate) fn transaction(shape: Shape) -> Program {
    Program::Transaction(Box::new(Transaction::new(shape)))
}

/// One that reads some documents and writes others.
pub(crate) fn moves(reads: &[Key], writes: &[Key]) -> Program {
    transaction(Shape::reading(reads).writing(writes))
}

/// One that only reads.
pub(crate) fn reads(keys: &[Key]) -> Program {
    transaction(Shape::reading(keys))
}

pub(crate) fn plainly(key: Key, aim: Aim) -> Program {
    Program::Plain(Box::new(Plain::new(key, aim)))
}

pub(crate) fn update(key: Key) -> Program {
    plainly(key, Aim::Update)
}

pub(crate) fn strict_read(key: Key) -> Program {
    plainly(key, Aim::Read)
}

pub(crate) fn peek(key: Key) -> Program {
    plainly(key, Aim::Peek)
}

pub(crate) fn claimer(key: Key, aim: claimer::Aim, order: Order) -> Program {
    Program::Claimer(Box::new(Claimer::new(key, aim, order)))
}

/// A world in which so many documents are there.
pub(crate) fn world<R: Rules>(documents: u8, faults: Faults, programs: Vec<Program>) -> World<R> {
    let there = (0..documents).map(|number| {
        let content: (Key, Envelope, &[u8]) = (document(number), first_version(number), b"{}");
        content
    });
    populated(there.collect(), faults, programs)
}

fn populated<R: Rules>(
    objects: Vec<(Key, Envelope, &[u8])>,
    faults: Faults,
    programs: Vec<Program>,
) -> World<R> {
    let world = World::new(objects, faults);
    programs.into_iter().fold(world, World::with)
}

/// The same, with somebody who finishes what the client `owner` committed.
pub(crate) fn with_medic<R: Rules>(mut world: World<R>, owner: u8, removes: bool) -> World<R> {
    let record = world.number(&Medic::record(owner));
    world.with(Program::Medic(Box::new(Medic::new(owner, record, removes))))
}

/// A world in which some documents are there, and one of them is said to own the value, and holds it or not.
pub(crate) fn owned<R: Rules>(
    documents: u8,
    owner: &Key,
    holds: bool,
    faults: Faults,
    programs: Vec<Program>,
) -> World<R> {
    let body = claim::body(Some(owner.as_str()));
    let mut objects: Vec<(Key, Envelope, &[u8])> = (0..documents)
        .map(|number| {
            let mut envelope = first_version(number);
            if holds && document(number) == *owner {
                envelope.unique.insert(UNIQUE.to_owned(), HASH.to_owned());
            }
            let content: (Key, Envelope, &[u8]) = (document(number), envelope, b"{}");
            content
        })
        .collect();
    objects.push((claim_key(), first_version(200), &body));
    populated(objects, faults, programs)
}

/// A world with a range that is empty, and the documents that each client inserts into it.
pub(crate) fn ranged<R: Rules>(
    documents: u8,
    inserts: &[(u8, Key)],
    faults: Faults,
    programs: Vec<Program>,
) -> World<R> {
    let mut world = world(documents, faults, programs);
    for (client, key) in inserts {
        let number = world.number(key);
        world.entries.insert(*client, number);
    }
    world
}

/// A transaction that gives a document the unique value, and knows of its claim.
pub(crate) fn takes(key: Key) -> Shape {
    let read = [key.clone()];
    Shape::reading(&read)
        .writing(&read)
        .claiming(ClaimAim::Take)
        .knowing()
}

/// One that reads the range of these documents, and inserts one of them.
pub(crate) fn inserts(key: Key, range: &[Key]) -> Program {
    transaction(Shape::default().writing(&[key]).ranging(range))
}

/// One that only reads the range of these documents.
pub(crate) fn scans(range: &[Key]) -> Program {
    transaction(Shape::default().ranging(range))
}

/// A transaction that takes the unique value from a document and makes another one.
pub(crate) fn gives_up(key: Key, made: Key) -> Shape {
    Shape::reading(std::slice::from_ref(&key))
        .writing(&[key, made])
        .claiming(ClaimAim::GiveUp)
}

/// A wait-free read that is held to the order of everything. It is not in one.
pub(crate) fn strict_peek(key: Key) -> Program {
    plainly(key, Aim::StrictPeek)
}
