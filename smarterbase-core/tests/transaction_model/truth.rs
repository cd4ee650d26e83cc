//! What must be so in every state.

use std::collections::BTreeMap;

use smarterbase_core::{
    format::{Key, intent::Home, record::Decision},
    protocol::Rules,
};

use super::{
    client::Outcome,
    facts::{Facet, Facts, Kind, Maker, Value},
    hasher::Print,
    library::{ABSENT, Content, KeyNumber},
    order::{Happened, is_explained},
    world::{State, World},
};

impl<R: Rules> World<R> {
    /// Notes what a put that is applied means; says when its version does not follow the one that it replaces.
    pub(crate) fn note(
        &self,
        state: &mut State,
        key: KeyNumber,
        expect: Content,
        body: Content,
    ) -> Result<(), String> {
        let facts = self.library.facts(body).expect("something is put");
        if self.library.kind(key) == Kind::Record {
            if let Some((maker, Decision::Committed)) = facts.record {
                state.committed |= maker.bit();
            }
            return Ok(());
        }
        let before = self.library.facts(expect);
        let settled = before.map(|facts| settled(facts, state.committed));
        let new = &facts.version;
        if settled.is_some_and(|settled| settled.written == new.written) {
            return Ok(());
        }
        let is_next = settled.map(|settled| settled.written) == new.follows;
        if !is_next && new.written.0 > 0 {
            let key = self.library.path(key);
            return Err(format!(
                "{key}: a version does not follow the one that it replaces"
            ));
        }
        self.note_version(state, key, before, new)
    }

    fn note_version(
        &self,
        state: &mut State,
        key: KeyNumber,
        before: Option<&Facts>,
        new: &Facet,
    ) -> Result<(), String> {
        let Some(maker) = Maker::of(new.written.1).filter(|_| new.written.0 > 0) else {
            return Ok(()); // A stub.
        };
        let borne = before.and_then(|facts| facts.intent.as_ref());
        let is_pending = borne.is_some_and(|borne| {
            borne.home == Home::Record
                && borne.next.as_ref().map(|next| next.written) == Some(new.written)
        });
        if is_pending {
            let key = self.library.path(key);
            return Err(format!(
                "{key}: a pending version was published that is not committed"
            ));
        }
        if self.library.kind(key) == Kind::Document {
            state.committed |= maker.bit();
        }
        Ok(())
    }

    /// What is wrong with this state.
    pub(crate) fn check(&mut self, state: &State) -> Result<(), String> {
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        self.check_objects(state)?;
        self.check_outcomes(state)?;
        let is_told = |client| {
            let story = self.known(state, client).client.story();
            story.outcome.is_some() || self.is_over(state, client)
        };
        if (0..self.clients).all(is_told) {
            return self.check_order(state);
        }
        Ok(())
    }

    /// One holder of the value; and whoever settles an object finds out what is true.
    fn check_objects(&self, state: &State) -> Result<(), String> {
        let mut holders = 0;
        for key in self.library.keys() {
            let content = state.objects[usize::from(key)];
            if content == ABSENT || self.library.kind(key) == Kind::Record {
                continue;
            }
            let facts = self.library.facts(content).expect("something is there");
            holders += u8::from(settled(facts, state.committed).holds);
            // One that changes nothing may stay: a lock that arrives late is aborted by whoever meets it.
            if let Some(borne) = &facts.intent
                && borne.home == Home::Record
                && borne.next.is_some()
                && state.committed & borne.by.bit() != 0
                && !self.is_recorded(state, &borne.record)
            {
                let key = self.library.path(key);
                return Err(format!("{key}: bears an intent whose record is gone"));
            }
        }
        match holders {
            0 | 1 => Ok(()),
            _ => Err("two live holders of a unique value".to_owned()),
        }
    }

    fn is_recorded(&self, state: &State, record: &Key) -> bool {
        let number = self.library.known_key(record);
        let content = number.map_or(0, |number| state.objects[usize::from(number)]);
        let facts = self.library.facts(content);
        let decision = facts.and_then(|facts| facts.record);
        decision.is_some_and(|(_, decision)| decision == Decision::Committed)
    }

    /// What the callers were told is so, and of several attempts only the last one happened.
    fn check_outcomes(&self, state: &State) -> Result<(), String> {
        for client in 0..self.clients {
            let story = self.known(state, client).client.story();
            let bit = |attempt| Maker { client, attempt }.bit();
            let earlier = (0..story.attempt).any(|attempt| state.committed & bit(attempt) != 0);
            let happened = state.committed & bit(story.attempt) != 0;
            match story.outcome {
                _ if earlier => return Err(format!("client {client}: a lost attempt happened")),
                Some(Outcome::Committed) if !happened => {
                    return Err(format!("client {client}: said committed, is not"));
                }
                Some(Outcome::Nothing | Outcome::Read) if happened => {
                    return Err(format!("client {client}: said that nothing was written"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_order(&mut self, state: &State) -> Result<(), String> {
        let number = story_of(state);
        if !self.explained.insert(number) {
            return Ok(());
        }
        let operations = self.happened(state);
        let start = self.documents(&self.start);
        let finally = self.documents(state);
        match is_explained(&operations, &start, &finally) {
            true => Ok(()),
            false => Err(format!(
                "no order explains {operations:#?}\nfrom {start:?}\nto {finally:?}"
            )),
        }
    }

    fn happened(&self, state: &State) -> Vec<Happened<'_>> {
        let happened = (0..self.clients).map(|client| Happened {
            client,
            story: self
                .library
                .known(state.clients[usize::from(client)])
                .client
                .story(),
            after: state.after[usize::from(client)],
        });
        let is_so = |operation: &Happened<'_>| {
            let maker = Maker {
                client: operation.client,
                attempt: operation.story.attempt,
            };
            state.committed & maker.bit() != 0 || operation.story.outcome == Some(Outcome::Read)
        };
        happened.filter(is_so).collect()
    }

    /// What is there, once everything is settled.
    pub(crate) fn documents(&self, state: &State) -> BTreeMap<Key, Value> {
        let documents = self
            .library
            .keys()
            .filter(|key| self.library.kind(*key) == Kind::Document);
        documents
            .map(|key| {
                let facts = self.library.facts(state.objects[usize::from(key)]);
                let value = facts.and_then(|facts| settled(facts, state.committed).value);
                (self.library.path(key).clone(), value)
            })
            .collect()
    }
}

/// Everything that an order explains.
fn story_of(state: &State) -> u128 {
    let mut print = Print::default();
    for content in state.objects {
        print.add(u64::from(content));
    }
    for client in 0..state.clients.len() {
        print.add(u64::from(state.clients[client]) << 8 | u64::from(state.after[client]));
    }
    print.add(u64::from(state.committed));
    print.number()
}

/// The committed version of an object.
fn settled(facts: &Facts, committed: u16) -> &Facet {
    let borne = facts
        .intent
        .as_ref()
        .filter(|borne| borne.home == Home::Record && committed & borne.by.bit() != 0);
    borne
        .and_then(|borne| borne.next.as_ref())
        .unwrap_or(&facts.version)
}
