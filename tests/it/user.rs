//! The document that most tests use: a text key, two unique values, and an index of every form.

use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "users", index(fields(team, age), name = by_team_age, range))]
pub(crate) struct User {
    #[key]
    pub id: String,
    #[unique(lower)]
    pub email: String,
    #[unique]
    pub badge: Option<u32>,
    #[index]
    pub plan: String,
    #[index(range)]
    pub age: u32,
    #[index(each)]
    pub tags: Vec<String>,
    pub team: Option<String>,
    #[serde(default)]
    pub marks: Vec<u64>,
}

impl User {
    /// A user whose unique values are made of the id.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            email: format!("{id}@example.org"),
            badge: None,
            plan: "free".to_owned(),
            age: 30,
            tags: vec!["a".to_owned(), "b".to_owned()],
            team: None,
            marks: Vec::new(),
        }
    }

    pub(crate) fn email(mut self, email: &str) -> Self {
        self.email = email.to_owned();
        self
    }

    pub(crate) fn plan(mut self, plan: &str) -> Self {
        self.plan = plan.to_owned();
        self
    }

    pub(crate) fn tags(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(ToString::to_string).collect();
        self
    }
}

/// The key of a user.
pub(crate) fn id(text: &str) -> String {
    text.to_owned()
}
