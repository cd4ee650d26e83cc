//! A document whose methods decide what is indexed: computed values, and indexes and unique values of some documents only.

use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "members",
    index(fields(team, age), name = active_team, range, where = is_active),
    computed(full_name: String, index(lower)),
    computed(points: u32, index(range), unique(name = adult_points, where(Self::is_adult, revision = 3))),
    computed(initials: Vec<String>, index(each), revision = 2)
)]
pub(crate) struct Member {
    #[key]
    pub id: String,
    #[unique(lower, name = active_handle, where = is_active)]
    pub handle: String,
    #[index(where = Member::is_adult)]
    pub plan: String,
    pub team: Option<String>,
    pub age: u32,
    pub bonus: u32,
    pub first: String,
    pub last: String,
    pub active: bool,
}

fn is_active(member: &Member) -> bool {
    member.active
}

impl Member {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            handle: format!("@{id}"),
            plan: "free".to_owned(),
            team: Some("red".to_owned()),
            age: 30,
            bonus: id.bytes().fold(0, |sum, byte| {
                (sum * 31 + 100 * u32::from(byte)) % 6_553_600
            }),
            first: id.to_owned(),
            last: "Lovelace".to_owned(),
            active: true,
        }
    }

    pub(crate) fn is_adult(&self) -> bool {
        self.age >= 18
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    pub(crate) fn points(&self) -> u32 {
        self.bonus + self.age
    }

    pub(crate) fn initials(&self) -> Vec<String> {
        let names = [&self.first, &self.last];
        names
            .iter()
            .filter_map(|name| name.chars().next())
            .map(String::from)
            .collect()
    }

    pub(crate) fn inactive(self) -> Self {
        Self {
            active: false,
            ..self
        }
    }
}

/// The key of a member.
pub(crate) fn id(text: &str) -> String {
    text.to_owned()
}
