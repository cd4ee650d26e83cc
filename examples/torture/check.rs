//! The promises, proved on a database that was opened anew.

use std::collections::{BTreeMap, BTreeSet};

use smarterbase::{Result, prelude::*};

use crate::{
    history::History,
    journal::Journal,
    model::{self, Player},
};

/// What the checker looked at, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) live: usize,
    pub(crate) holders: usize,
    pub(crate) free: usize,
    pub(crate) revisions: usize,
    pub(crate) queries: usize,
    pub(crate) found: usize,
    /// Queries that read fewer documents than there are: an index served them.
    pub(crate) served: usize,
    pub(crate) broken: Vec<String>,
}

/// Proves the promises, as far as this journal allows.
pub(crate) async fn check(db: &Db, journal: &Journal) -> Result<Findings> {
    let players = model::players(db).await?;
    let mut findings = Findings {
        live: players.len(),
        ..Findings::default()
    };
    findings.broken.extend(journal.broken.iter().cloned());
    check_histories(&players, journal, &mut findings);
    check_unique(db, &players, &mut findings).await?;
    check_teams(db, &players, &mut findings).await?;
    check_badges(db, &players, &mut findings).await?;
    check_free_values(db, &players, &mut findings).await?;
    Ok(findings)
}

/// Every answer was true.
fn check_histories(players: &[Stored<Player>], journal: &Journal, findings: &mut Findings) {
    let stored: BTreeMap<&str, &Stored<Player>> = players
        .iter()
        .map(|player| (player.slot.as_str(), player))
        .collect();
    let written = journal
        .operations
        .values()
        .map(|operation| operation.intent.slot.as_str());
    let slots: BTreeSet<&str> = written.chain(stored.keys().copied()).collect();
    for slot in slots {
        let history = History::new(slot, journal, stored.get(slot).copied());
        findings.revisions += history.revisions();
        findings.broken.extend(history.broken);
    }
}

/// A unique value has at most one live holder, and its finder gives exactly that one.
async fn check_unique(db: &Db, players: &[Stored<Player>], findings: &mut Findings) -> Result<()> {
    for nickname in model::nicknames() {
        let holders: Vec<&str> = players
            .iter()
            .filter(|player| player.nickname.as_ref() == Some(&nickname))
            .map(|player| player.slot.as_str())
            .collect();
        if holders.len() > 1 {
            findings.broken.push(format!(
                "{nickname} has several holders: {}",
                holders.join(", ")
            ));
        }
        findings.holders += holders.len();
        let found = Player::find_by_nickname(db, &nickname).await?;
        let found = found.as_ref().map(|player| player.slot.as_str());
        if found != holders.first().copied() && holders.len() < 2 {
            findings.broken.push(format!(
                "{nickname} is held by {holders:?}, but its finder gives {found:?}"
            ));
        }
    }
    Ok(())
}

async fn check_teams(db: &Db, players: &[Stored<Player>], findings: &mut Findings) -> Result<()> {
    for team in model::teams() {
        let requests = db.request_counts().snapshot();
        let found = Player::find_by_team(db, &team).await?;
        let spent = db.request_counts().snapshot() - requests;
        findings.served += usize::from(spent.gets < players.len() as u64);
        compare(
            &team,
            &found,
            players,
            |player| player.team == team,
            findings,
        );
    }
    Ok(())
}

async fn check_badges(db: &Db, players: &[Stored<Player>], findings: &mut Findings) -> Result<()> {
    for badge in model::badges() {
        let requests = db.request_counts().snapshot();
        let found = Player::find_by_badges(db, &badge).await?;
        let spent = db.request_counts().snapshot() - requests;
        findings.served += usize::from(spent.gets < players.len() as u64);
        compare(
            &badge,
            &found,
            players,
            |player| player.badges.contains(&badge),
            findings,
        );
    }
    Ok(())
}

/// A query gives what matches, all of it, each once.
fn compare(
    value: &str,
    found: &[Stored<Player>],
    players: &[Stored<Player>],
    matches: impl Fn(&Player) -> bool,
    findings: &mut Findings,
) {
    let mut given: Vec<&str> = found.iter().map(|player| player.slot.as_str()).collect();
    given.sort_unstable();
    let expected: Vec<&str> = players
        .iter()
        .filter(|player| matches(player))
        .map(|player| player.slot.as_str())
        .collect();
    findings.queries += 1;
    findings.found += given.len();
    if given != expected {
        findings.broken.push(format!(
            "the query for {value} gave {given:?} instead of {expected:?}"
        ));
    }
}

/// Whatever a killed process left behind, a value that nobody holds can be taken and given back.
async fn check_free_values(
    db: &Db,
    players: &[Stored<Player>],
    findings: &mut Findings,
) -> Result<()> {
    let held: BTreeSet<&String> = players
        .iter()
        .filter_map(|player| player.nickname.as_ref())
        .collect();
    for nickname in model::nicknames().filter(|nickname| !held.contains(nickname)) {
        findings.free += 1;
        let player = Player {
            slot: format!("claimant-of-{nickname}"),
            nickname: Some(nickname.clone()),
            team: "checkers".to_owned(),
            badges: Vec::new(),
            trail: Vec::new(),
        };
        match Player::create(db, player).await {
            Ok(created) => created.remove(db).await?,
            Err(error) => findings
                .broken
                .push(format!("nobody holds {nickname}, but: {error}")),
        }
    }
    Ok(())
}
