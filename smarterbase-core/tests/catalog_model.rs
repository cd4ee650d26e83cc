//! The catalog's rules S1, S3–S6 and S10, as rules: who may still maintain, and who may believe, an index while its
//! catalog changes and it loses everything. The shipped code of these rules waits on clocks and tasks
//! (`operation/{agreement,attach,settle,write}.rs`, `maintenance/rebuild.rs`); here its order of steps is written down again,
//! with the clock as a number. What must hold: a query that an index answers misses no document that was acknowledged
//! before it began.

#[path = "catalog_model/builders.rs"]
mod builders;
#[path = "catalog_model/clients.rs"]
mod clients;
#[path = "catalog_model/explorer.rs"]
mod explorer;
#[path = "transaction_model/hasher.rs"]
mod hasher;
#[path = "catalog_model/world.rs"]
mod world;

use builders::{Rebuild, Registrar};
use clients::{Client, Reader, Writer};
use explorer::{holds, is_caught};
use smarterbase_core::format::catalog::State;
use world::{Rule, World};

fn reader() -> Client {
    Client::Reader(Reader::default())
}

fn writer(document: u8) -> Client {
    Client::Writer(Writer::new(document))
}

fn rebuild() -> Client {
    Client::Rebuild(Rebuild::default())
}

/// An index that was never built.
fn unbuilt(clients: Vec<Client>) -> World {
    World::new(State::Pending, 0, clients)
}

/// One that answers queries.
fn built(clients: Vec<Client>) -> World {
    World::new(State::Ready, 1, clients)
}

fn first_build() -> World {
    unbuilt(vec![writer(0), rebuild(), reader()])
}

/// A writer that may not reach the index, which others still ask.
fn cut_off() -> World {
    built(vec![writer(0), reader()]).with_cuts(1)
}

fn two_builds() -> World {
    unbuilt(vec![
        Client::Writer(Writer::new(0).that_never_asks()),
        rebuild(),
        rebuild(),
        reader(),
    ])
}

fn two_instances() -> World {
    built(vec![
        Client::Writer(Writer::new(0).on_instance(2)),
        reader(),
    ])
}

fn new_definition() -> World {
    World::unregistered(vec![writer(0), Client::Registrar(Registrar), reader()])
}

#[test]
fn a_first_build_misses_nothing() {
    holds("first build", first_build());
    holds("first build, a loss", first_build().with_losses(1));
}

#[test]
fn an_index_that_is_lost_misses_nothing() {
    holds("cut off", cut_off());
    holds("cut off, a loss", cut_off().with_losses(1));
    let rebuilt = built(vec![writer(0), rebuild(), reader()]);
    holds("cut off, a rebuild", rebuilt.with_cuts(1));
}

#[test]
fn two_builds_at_once_miss_nothing() {
    holds("two builds", two_builds());
}

#[test]
fn an_index_on_another_instance_is_not_used() {
    holds("two instances", two_instances());
}

#[test]
fn a_new_definition_answers_nothing_before_it_is_built() {
    holds("new definition", new_definition());
}

#[test]
fn s01_a_backfill_that_does_not_wait_is_caught() {
    is_caught("first build", first_build().without(Rule::BackfillWaits));
}

#[test]
fn s01_a_write_on_an_old_copy_is_caught() {
    is_caught(
        "first build",
        first_build().without(Rule::WritesOnYoungCopies),
    );
}

#[test]
fn s03_a_reply_that_is_not_held_is_caught() {
    is_caught("cut off", cut_off().without(Rule::RepliesAreHeld));
}

#[test]
fn s03_a_reply_that_is_not_held_at_first_sight_is_caught() {
    let clients = vec![writer(0), writer(1), reader()];
    let world = built(clients).with_cuts(1);
    is_caught("cut off", world.without(Rule::FirstSightIsHeld));
}

#[test]
fn s04_a_copy_that_is_as_young_as_its_answer_is_caught() {
    is_caught("cut off", cut_off().without(Rule::AgesFromTheQuestion));
}

#[test]
fn s05_ready_over_another_generation_is_caught() {
    is_caught(
        "two builds",
        two_builds().without(Rule::ReadyOverWhatWasBuilt),
    );
}

#[test]
fn s06_an_instance_that_the_catalog_does_not_name_is_caught() {
    is_caught(
        "two instances",
        two_instances().without(Rule::OnlyTheNamedInstance),
    );
}

#[test]
fn s10_a_new_definition_that_is_ready_at_once_is_caught() {
    is_caught(
        "new definition",
        new_definition().without(Rule::NewOnesArePending),
    );
}
