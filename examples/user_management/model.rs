//! What is stored.

use smarterbase::prelude::*;

/// One account. Every version of it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
#[document(
    name = "users",
    new(NewUser),
    history,
    computed(domain: String, index(lower)),
    index(fields(role, joined_at), name = active_role, range, where = User::is_active)
)]
pub(crate) struct User {
    #[key(auto)]
    pub(crate) id: Id<User>,
    /// `Ada@example.org` and `ada@example.org` are one address.
    #[unique(lower)]
    #[validate(email)]
    pub(crate) email: String,
    #[validate(length(min = 1, max = 100))]
    pub(crate) name: String,
    #[index]
    pub(crate) role: Role,
    /// One entry in the index for each tag.
    #[index(each)]
    pub(crate) tags: Vec<String>,
    /// Who leaves is not deleted at once.
    #[index]
    #[field(default = Standing::Active)]
    pub(crate) standing: Standing,
    #[index(range)]
    #[field(created_at)]
    pub(crate) joined_at: Timestamp,
    #[field(updated_at)]
    pub(crate) changed_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
pub(crate) enum Role {
    Admin,
    Editor,
    Reader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
pub(crate) enum Standing {
    Active,
    Deactivated,
}

impl User {
    /// What stands behind the `@`: computed, so that it can be asked without being stored.
    fn domain(&self) -> String {
        let domain = self.email.rsplit_once('@').map(|(_, domain)| domain);
        domain.unwrap_or_default().to_owned()
    }

    /// Only these are in the index `active_role`.
    fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }
}
