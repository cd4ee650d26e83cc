//! What both programs said, and what was seen in the store meanwhile.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::report::{Facts, Line, Write};

/// Everything that the checks need beside the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub(crate) copies: u32,
    pub(crate) phase: Phase,
    pub(crate) said: Vec<Said>,
    /// The schema version of every revision that was seen in the store, by product.
    pub(crate) seen: BTreeMap<String, BTreeMap<u64, u32>>,
    /// How often the store was looked through.
    pub(crate) looks: usize,
    /// How many products the upgrade wrote.
    pub(crate) upgraded: usize,
    /// How many products were saved that were upgraded while somebody held them.
    pub(crate) held: usize,
    pub(crate) broken: Vec<String>,
}

/// Where the deploy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// The older program is alone.
    #[default]
    Before,
    /// Both run; in its course the floor is raised and everything upgraded.
    Deploy,
    /// Everything is upgraded, and the older program still runs.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Program {
    Old,
    New,
}

/// A line, who said it, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) by: Program,
    pub(crate) phase: Phase,
    pub(crate) line: Line,
}

impl Said {
    /// The write that it acknowledges.
    pub(crate) fn write(&self) -> Option<&Write> {
        match &self.line {
            Line::Wrote(write) | Line::Created(_, write) => Some(write),
            _ => None,
        }
    }

    pub(crate) fn is_refusal(&self) -> bool {
        matches!(&self.line, Line::Refused { code, .. } if code == "SB-UNSUPPORTED-SCHEMA")
    }
}

impl Journal {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        serde_json::from_slice(&bytes).context("the file is no journal")
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        std::fs::write(file, serde_json::to_vec(self)?).with_context(|| file.display().to_string())
    }

    pub(crate) fn count(&self, by: Program, phase: Phase, is_meant: fn(&Said) -> bool) -> usize {
        let said = self.said.iter();
        said.filter(|said| said.by == by && said.phase == phase && is_meant(said))
            .count()
    }

    /// What was made beside the files of the catalogue.
    pub(crate) fn created(&self) -> impl Iterator<Item = (&Facts, &Write)> {
        self.said.iter().filter_map(|said| match &said.line {
            Line::Created(facts, write) => Some((facts, write)),
            _ => None,
        })
    }
}

/// The journal of a run that is going on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Journal>>);

impl Shared {
    pub(crate) fn new(copies: u32) -> Self {
        Self(Arc::new(Mutex::new(Journal {
            copies,
            ..Journal::default()
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, by: Program, line: Line) {
        let mut journal = self.lock();
        let phase = journal.phase;
        journal.said.push(Said { by, phase, line });
    }
}
