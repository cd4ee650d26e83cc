//! What can happen next.

use smarterbase_core::protocol::Rules;

use super::{
    library::{ABSENT, Answer, Ask, Content, KeyNumber},
    world::{Flight, State, World},
};

/// One step of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// A request is carried out as it should be, and answered at once.
    Answer(u8, u8, Ask),
    /// A request goes wrong, in this way.
    Wrong(u8, u8, Ask, Fault),
    /// A pause ends, in this way.
    Pause(u8, u8, Answer),
    /// An answer arrives that was on its way.
    Arrive(u8, u8, Answer),
    Land(Flight),
    Crash(u8),
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Lost,
    Echo,
    Conflict,
    Duplicate,
    Refused,
    Unread,
    Slow,
}

impl<R: Rules> World<R> {
    /// Every step that can come next, and the state after it.
    pub(crate) fn successors(&mut self, state: &State) -> Vec<(Move, State)> {
        let mut next = Vec::new();
        if self.local_moves(state, &mut next) {
            return next;
        }
        for flight in 0..state.in_flight.len() {
            self.land(state, flight, &mut next);
        }
        for late in 0..state.late.len() {
            let mut then = state.clone();
            let (client, lane, answer) = then.late.remove(late);
            self.tell(&mut then, client, lane, answer);
            next.push((Move::Arrive(client, lane, answer), then));
        }
        for client in 0..self.clients {
            self.moves_of(state, client, &mut next);
        }
        next
    }

    /// What a client decides by itself comes at once: when it does so makes no difference to others.
    fn local_moves(&mut self, state: &State, next: &mut Vec<(Move, State)>) -> bool {
        for client in 0..self.clients {
            let asks = self.asks(state, client);
            let local = asks.iter().find(|(_, ask)| ask.is_local());
            if let Some((lane, ask)) = local {
                self.pause(state, client, *lane, *ask, next);
                return true;
            }
        }
        false
    }

    fn pause(
        &mut self,
        state: &State,
        client: u8,
        lane: u8,
        ask: Ask,
        next: &mut Vec<(Move, State)>,
    ) {
        let can_rest = self.known(state, client).client.can_rest();
        let answers: &[(Answer, bool)] = match ask {
            Ask::Confirm => &[(Answer::Yes, true)],
            Ask::Await(has_patience) => &[
                (Answer::Rested, can_rest && has_patience),
                (Answer::PatienceIsOver, true),
            ],
            _ => &[(Answer::Rested, can_rest), (Answer::TimeIsUp, true)],
        };
        for (answer, _) in answers.iter().filter(|(_, is_possible)| *is_possible) {
            let mut then = state.clone();
            self.tell(&mut then, client, lane, *answer);
            next.push((Move::Pause(client, lane, *answer), then));
        }
        if matches!(ask, Ask::Await(_))
            && let Some(mut then) = faulty(state, self.faults.hurry)
        {
            self.tell(&mut then, client, lane, Answer::TimeIsUp);
            next.push((Move::Pause(client, lane, Answer::TimeIsUp), then));
        }
    }

    /// One that would change nothing any more is as one that is lost.
    fn land(&mut self, state: &State, flight: usize, next: &mut Vec<(Move, State)>) {
        let mut then = state.clone();
        let flight = then.in_flight.remove(flight);
        let before = (then.objects, then.entries);
        self.carry_out(&mut then, flight);
        if before != (then.objects, then.entries) {
            next.push((Move::Land(flight), then));
        }
    }

    fn moves_of(&mut self, state: &State, client: u8, next: &mut Vec<(Move, State)>) {
        let asks = self.asks(state, client);
        for (lane, ask) in &asks {
            let mut then = state.clone();
            if let Some(answer) = self.carry_out_ask(&mut then, client, *ask) {
                self.tell(&mut then, client, *lane, answer);
                next.push((Move::Answer(client, *lane, *ask), then));
            }
            if state.budget > 0 {
                self.faults_of(state, client, (*lane, *ask), asks.len(), next);
            }
        }
        // A client that stops before it changes anything is as one that stopped after its last change.
        if state.crashes > 0 && asks.iter().any(|(_, ask)| ask.is_change()) {
            next.push((Move::Crash(client), self.crashed(state, client, &asks)));
        }
    }

    fn crashed(&mut self, state: &State, client: u8, asks: &[(u8, Ask)]) -> State {
        let mut then = state.clone();
        then.crashes -= 1;
        then.crashed |= 1 << client;
        then.late.retain(|(of, _, _)| *of != client);
        for (_, ask) in asks {
            let flight = self.flight(state, client, *ask);
            then.in_flight.extend(flight);
        }
        then.in_flight.sort_unstable();
        self.tell(&mut then, client, 0, Answer::Crash);
        then
    }

    fn flight(&self, state: &State, client: u8, ask: Ask) -> Option<Flight> {
        let maker = self.maker(state, client);
        match ask {
            Ask::Put(key, expect, body) => Some(Flight::Put(key, expect, body)),
            Ask::Delete(key) => Some(Flight::Delete(key)),
            Ask::Announce => Some(Flight::Announce(maker)),
            Ask::Withdraw => Some(Flight::Withdraw(maker)),
            _ => None,
        }
    }

    /// Does what is asked; `None`: it has to wait.
    fn carry_out_ask(&mut self, state: &mut State, client: u8, ask: Ask) -> Option<Answer> {
        let at = |key: KeyNumber| state.objects[usize::from(key)];
        Some(match ask {
            Ask::Get(key) => Answer::Got(at(key)),
            Ask::GetIfChanged(key, version) => match at(key) {
                ABSENT => Answer::Gone,
                found if found == version => Answer::Unchanged,
                found => Answer::Now(found),
            },
            Ask::Put(key, expect, body) => match self.apply(state, key, expect, body) {
                true => Answer::Applied(body),
                false => Answer::Rejected,
            },
            Ask::Delete(_) => {
                let flight = self.flight(state, client, ask)?;
                self.carry_out(state, flight);
                Answer::Deleted
            }
            Ask::Announce | Ask::Withdraw => {
                let flight = self.flight(state, client, ask)?;
                self.carry_out(state, flight);
                Answer::Yes
            }
            Ask::Scan => Answer::Found(self.shown(state)),
            Ask::Rescan(seen) => Answer::Found(self.shown(state) & !seen),
            Ask::EndOf(other) if !self.is_over(state, other) => return None,
            Ask::EndOf(_) | Ask::Confirm => Answer::Yes,
            Ask::Pause | Ask::Await(_) => unreachable!("pauses are no requests"),
        })
    }

    pub(crate) fn carry_out(&mut self, state: &mut State, flight: Flight) {
        match flight {
            Flight::Put(key, expect, body) => {
                self.apply(state, key, expect, body);
            }
            Flight::Delete(key) => state.objects[usize::from(key)] = ABSENT,
            Flight::Announce(maker) => state.entries |= maker.bit(),
            Flight::Withdraw(maker) => state.entries &= !maker.bit(),
        }
    }

    fn apply(&mut self, state: &mut State, key: KeyNumber, expect: Content, body: Content) -> bool {
        if state.objects[usize::from(key)] != expect {
            return false;
        }
        if let Err(damage) = self.note(state, key, expect, body) {
            self.damage.get_or_insert(damage);
        }
        state.objects[usize::from(key)] = body;
        true
    }
}

/// What can go wrong with one request.
impl<R: Rules> World<R> {
    fn faults_of(
        &mut self,
        state: &State,
        client: u8,
        (lane, ask): (u8, Ask),
        lanes: usize,
        next: &mut Vec<(Move, State)>,
    ) {
        let faults = self.faults;
        let is_put = matches!(ask, Ask::Put(..));
        let is_to_store = is_put || matches!(ask, Ask::Get(_) | Ask::GetIfChanged(..));
        let kinds = [
            (Fault::Lost, faults.lost && ask.is_change()),
            (Fault::Echo, faults.echo && is_put),
            (Fault::Conflict, faults.conflict && is_put),
            (Fault::Duplicate, faults.duplicate && is_put),
            (Fault::Refused, faults.refused && is_put),
            (Fault::Unread, faults.unread && matches!(ask, Ask::Get(_))),
            (Fault::Slow, faults.slow && is_to_store && lanes > 1),
        ];
        for (fault, _) in kinds.into_iter().filter(|(_, is_possible)| *is_possible) {
            if let Some(then) = self.after_fault(state, client, lane, ask, fault) {
                next.push((Move::Wrong(client, lane, ask, fault), then));
            }
        }
    }

    fn after_fault(
        &mut self,
        state: &State,
        client: u8,
        lane: u8,
        ask: Ask,
        fault: Fault,
    ) -> Option<State> {
        let mut then = faulty(state, true)?;
        let answer = match fault {
            Fault::Lost => {
                self.fly(&mut then, client, ask);
                lost(ask)
            }
            Fault::Echo => match self.carry_out_ask(&mut then, client, ask)? {
                Answer::Applied(_) => Answer::Rejected,
                _ => return None,
            },
            Fault::Conflict => Answer::Rejected,
            Fault::Duplicate => {
                let answer = self.carry_out_ask(&mut then, client, ask)?;
                self.fly(&mut then, client, ask);
                answer
            }
            Fault::Refused => Answer::Refused,
            Fault::Unread => Answer::Unread,
            Fault::Slow => {
                let answer = self.carry_out_ask(&mut then, client, ask)?;
                then.late.push((client, lane, answer));
                then.late.sort_unstable();
                return Some(then);
            }
        };
        self.tell(&mut then, client, lane, answer);
        Some(then)
    }

    fn fly(&self, state: &mut State, client: u8, ask: Ask) {
        let flight = self.flight(state, client, ask);
        state.in_flight.extend(flight);
        state.in_flight.sort_unstable();
    }
}

fn lost(ask: Ask) -> Answer {
    match ask {
        Ask::Put(..) => Answer::Unknown,
        Ask::Delete(_) => Answer::NotDeleted,
        _ => Answer::No,
    }
}

/// One fault further, when faults of this kind happen and the budget is not used up.
fn faulty(state: &State, is_possible: bool) -> Option<State> {
    (is_possible && state.budget > 0).then(|| {
        let mut state = state.clone();
        state.budget -= 1;
        state
    })
}
