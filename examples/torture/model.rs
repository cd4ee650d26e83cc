//! The documents, and the small space of ids and values that the workers fight over.

use anyhow::{Context, bail};
use smarterbase::{Result, prelude::*};

use crate::{
    chance::Chance,
    options::{DEFAULT_URL, RunOptions},
};

/// One contended document.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "players")]
pub(crate) struct Player {
    #[key]
    pub(crate) slot: String,
    #[unique]
    pub(crate) nickname: Option<String>,
    #[index]
    pub(crate) team: String,
    #[index(each)]
    pub(crate) badges: Vec<String>,
    /// The mark of every write since the document was created, oldest first: the document is its own history.
    pub(crate) trail: Vec<String>,
}

const SLOTS: u64 = 48;
/// Half of all choices fall on these slots.
const HOT_SLOTS: u64 = 8;
const NICKNAMES: u64 = 40;
/// Half of all claims want these, so that several meet at one that becomes free.
const HOT_NICKNAMES: u64 = 4;
const TEAMS: u64 = 6;
const BADGES: u64 = 8;

impl Player {
    pub(crate) fn new(slot: String, mark: &str, chance: &mut Chance) -> Self {
        let mut player = Self {
            slot,
            nickname: None,
            team: String::new(),
            badges: Vec::new(),
            trail: vec![mark.to_owned()],
        };
        player.shuffle(chance);
        player
    }

    /// Another team and other badges.
    pub(crate) fn shuffle(&mut self, chance: &mut Chance) {
        self.team = team(chance);
        self.badges = (0..chance.below(4)).map(|_| badge(chance)).collect();
    }

    /// The mark of the last write.
    pub(crate) fn mark(&self) -> &str {
        self.trail.last().map_or("", String::as_str)
    }
}

pub(crate) fn slot(chance: &mut Chance) -> String {
    let slots = if chance.one_in(2) { HOT_SLOTS } else { SLOTS };
    format!("slot-{:02}", chance.below(slots))
}

pub(crate) fn nickname(chance: &mut Chance) -> String {
    let nicknames = if chance.one_in(2) {
        HOT_NICKNAMES
    } else {
        NICKNAMES
    };
    format!("nickname-{:02}", chance.below(nicknames))
}

pub(crate) fn team(chance: &mut Chance) -> String {
    format!("team-{}", chance.below(TEAMS))
}

pub(crate) fn badge(chance: &mut Chance) -> String {
    format!("badge-{}", chance.below(BADGES))
}

pub(crate) fn nicknames() -> impl Iterator<Item = String> {
    (0..NICKNAMES).map(|number| format!("nickname-{number:02}"))
}

pub(crate) fn teams() -> impl Iterator<Item = String> {
    (0..TEAMS).map(|number| format!("team-{number}"))
}

pub(crate) fn badges() -> impl Iterator<Item = String> {
    (0..BADGES).map(|number| format!("badge-{number}"))
}

/// Opens the store of a run, which must hold no player: the journal has to know every write there ever was.
pub(crate) async fn open_empty(options: &RunOptions) -> anyhow::Result<Db> {
    if options.url == DEFAULT_URL && std::fs::exists(DEFAULT_URL)? {
        std::fs::remove_dir_all(DEFAULT_URL)?;
    }
    let shown = options.shown_url();
    let db = smarterbase::open(&options.url)
        .await
        .with_context(|| format!("cannot use the database `{shown}`"))?;
    if !players(&db).await?.is_empty() {
        bail!("there are players in `{shown}` already; torture an empty store");
    }
    Ok(db)
}

pub(crate) async fn players(db: &Db) -> Result<Vec<Stored<Player>>> {
    Player::list(db).await
}
