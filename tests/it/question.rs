//! Conditions and orders of any form, and what a plain evaluation says of them.

use futures::TryStreamExt;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};
use smarterbase::{Cursor, Predicate, Residual, prelude::*};
use smarterbase_core::db::{FindMany, Query};

use crate::user::User;

/// A condition that can be evaluated in two ways.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Plan(u8),
    Plans(Vec<u8>),
    Age(u32, u32),
    AgeIs(u32),
    Tag(u8),
    Team(Option<bool>),
    TeamStarts(&'static str),
    HasTeam,
    NotTeam(bool),
    TeamHolds(&'static str),
    Email(u8),
    EmailUnder(u8),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

fn team(red: bool) -> &'static str {
    if red { "red" } else { "blue" }
}

pub(crate) fn plan(number: u8) -> String {
    format!("p{number}")
}

fn email(number: u8) -> String {
    format!("U{number}@example.org")
}

impl Tree {
    fn predicate(&self) -> Predicate<User, Residual> {
        let field = User::FIELDS;
        match self {
            Self::Plan(number) => field.plan.eq(plan(*number)).residual(),
            Self::Plans(numbers) => field
                .plan
                .is_in(numbers.iter().map(|number| plan(*number)))
                .residual(),
            Self::Age(least, most) => field.age.between(least, most).residual(),
            Self::AgeIs(age) => field.age.eq(age).residual(),
            Self::Tag(tag) => field.tags.has(TAGS[usize::from(*tag)]).residual(),
            Self::Team(None) => field.team.is_none().residual(),
            Self::Team(Some(red)) => field.team.eq(team(*red)).residual(),
            Self::TeamStarts(start) => field.team.starts_with(*start),
            Self::HasTeam => field.team.is_some(),
            Self::NotTeam(red) => field.team.ne(team(*red)),
            Self::TeamHolds(part) => field.team.contains_text(*part),
            Self::Email(number) => field.email.eq(email(*number)).residual(),
            Self::EmailUnder(number) => field.email.lt(email(*number)),
            Self::And(left, right) => left.predicate() & right.predicate(),
            Self::Or(left, right) => left.predicate() | right.predicate(),
            Self::Not(part) => !part.predicate(),
        }
    }

    /// Written down a second time, without anything of the library.
    fn holds(&self, user: &User) -> bool {
        let of_team = |test: &dyn Fn(&str) -> bool| user.team.as_deref().is_some_and(test);
        match self {
            Self::Plan(number) => user.plan == plan(*number),
            Self::Plans(numbers) => numbers.iter().any(|number| user.plan == plan(*number)),
            Self::Age(least, most) => user.age >= *least && user.age <= *most,
            Self::AgeIs(age) => user.age == *age,
            Self::Tag(tag) => user.tags.iter().any(|has| has == TAGS[usize::from(*tag)]),
            Self::Team(None) => user.team.is_none(),
            Self::Team(Some(red)) => of_team(&|has| has == team(*red)),
            Self::TeamStarts(start) => of_team(&|has| has.starts_with(start)),
            Self::HasTeam => user.team.is_some(),
            Self::NotTeam(red) => !of_team(&|has| has == team(*red)),
            Self::TeamHolds(part) => of_team(&|has| has.contains(part)),
            Self::Email(number) => user.email == email(*number).to_lowercase(),
            Self::EmailUnder(number) => user.email < email(*number).to_lowercase(),
            Self::And(left, right) => left.holds(user) && right.holds(user),
            Self::Or(left, right) => left.holds(user) || right.holds(user),
            Self::Not(part) => !part.holds(user),
        }
    }
}

const TAGS: [&str; 3] = ["a", "b", "c"];

fn tree() -> BoxedStrategy<Tree> {
    let leaf = prop_oneof![
        (0..3_u8).prop_map(Tree::Plan),
        prop::collection::vec(0..3_u8, 0..3).prop_map(Tree::Plans),
        (0..8_u32, 0..8_u32).prop_map(|(one, other)| Tree::Age(one.min(other), one.max(other))),
        (0..8_u32).prop_map(Tree::AgeIs),
        (0..3_u8).prop_map(Tree::Tag),
        prop::option::of(any::<bool>()).prop_map(Tree::Team),
        prop_oneof![Just("r"), Just("bl"), Just("")].prop_map(Tree::TeamStarts),
        Just(Tree::HasTeam),
        any::<bool>().prop_map(Tree::NotTeam),
        prop_oneof![Just("e"), Just("lu")].prop_map(Tree::TeamHolds),
        (0..14_u8).prop_map(Tree::Email),
        (0..14_u8).prop_map(Tree::EmailUnder),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let boxed = inner.prop_map(Box::new).boxed();
        prop_oneof![
            3 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::And(left, right)),
            2 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::Or(left, right)),
            1 => boxed.prop_map(Tree::Not),
        ]
    })
    .boxed()
}

/// What results are ordered by before their ids.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Id,
    Age,
    Plan,
    Team,
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) tree: Option<Tree>,
    pub(crate) by: By,
    pub(crate) descending: bool,
    pub(crate) size: usize,
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    let by = prop_oneof![Just(By::Id), Just(By::Age), Just(By::Plan), Just(By::Team)];
    let tree = prop_oneof![1 => Just(None), 8 => tree().prop_map(Some)];
    (tree, by, any::<bool>(), 1..6_usize).prop_map(|(tree, by, descending, size)| Question {
        tree,
        by,
        descending,
        size,
    })
}

impl Question {
    pub(crate) fn ask<'a>(&self, query: Query<'a, User>) -> FindMany<'a, User> {
        let scan = query.scan();
        let found = match &self.tree {
            Some(tree) => scan.filter(|_| tree.predicate()),
            None => scan,
        };
        match (self.by, self.descending) {
            (By::Id, false) => found,
            (By::Id, true) => found.descending(),
            (By::Age, false) => found.order_by(|user| user.age.asc()),
            (By::Age, true) => found.order_by(|user| user.age.desc()),
            (By::Plan, false) => found.order_by(|user| user.plan.asc()),
            (By::Plan, true) => found.order_by(|user| user.plan.desc()),
            (By::Team, false) => found.order_by(|user| user.team.asc()),
            (By::Team, true) => found.order_by(|user| user.team.desc()),
        }
    }

    fn key(&self, user: &User) -> (u32, Option<String>, String) {
        let name = format!("{}.json", user.id);
        match self.by {
            By::Id => (0, None, name),
            By::Age => (user.age, None, name),
            By::Plan => (0, Some(user.plan.clone()), name),
            By::Team => (0, user.team.clone(), name),
        }
    }

    pub(crate) fn expected(&self, users: &[User]) -> Vec<String> {
        let holds = |user: &&User| self.tree.as_ref().is_none_or(|tree| tree.holds(user));
        let mut matching: Vec<_> = users.iter().filter(holds).collect();
        matching.sort_by_key(|user| self.key(user));
        if self.descending {
            matching.reverse();
        }
        matching.iter().map(|user| user.id.clone()).collect()
    }

    /// One page after the other; between two of them `between` runs.
    pub(crate) async fn pages(&self, db: &Db, mut between: impl AsyncFnMut()) -> Vec<String> {
        let (mut ids, mut after): (_, Option<Cursor>) = (Vec::new(), None);
        loop {
            let find = self.ask(User::query(db));
            let page = find.page(self.size).after_opt(after).await.unwrap();
            let is_whole = page.items.len() == self.size || page.next.is_none();
            assert!(is_whole, "a short page is the last one");
            ids.extend(page.items.iter().map(|user| user.id.clone()));
            match page.next {
                None => return ids,
                next => after = next,
            }
            between().await;
        }
    }

    pub(crate) async fn check(&self, db: &Db, users: &[User], way: &str) {
        let expected = self.expected(users);
        let pages = self.pages(db, async || {}).await;
        assert_eq!(pages, expected, "pages by {way}: {self:?}");
        let ask = || self.ask(User::query(db));
        let streamed: Vec<_> = ask()
            .stream()
            .map_ok(|user| user.id.clone())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(streamed, expected, "a stream by {way}: {self:?}");
        let count = ask().count().await.unwrap();
        assert_eq!(count, expected.len() as u64, "a count by {way}: {self:?}");
        let first = ask().first().await.unwrap().map(|user| user.id.clone());
        assert_eq!(first.as_ref(), expected.first(), "first by {way}: {self:?}");
        assert_eq!(ask().exists().await.unwrap(), !expected.is_empty());
    }
}

pub(crate) fn users() -> impl Strategy<Value = Vec<User>> {
    let user = (
        0..3_u8,
        0..8_u32,
        prop::collection::vec(0..3_usize, 0..3),
        prop::option::of(any::<bool>()),
    );
    prop::collection::vec(user, 0..14).prop_map(|users| {
        let numbered = users.into_iter().enumerate();
        let make = |(number, (number_of_plan, age, tags, red)): (
            usize,
            (u8, u32, Vec<usize>, Option<bool>),
        )| User {
            plan: plan(number_of_plan),
            age,
            tags: tags.into_iter().map(|tag| TAGS[tag].to_owned()).collect(),
            team: red.map(|red| team(red).to_owned()),
            ..User::new(&format!("u{}", number * 5 % 14))
        };
        numbered.map(make).collect()
    })
}
