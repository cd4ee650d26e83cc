//! What is stored.

use smarterbase::{prelude::*, schema};

/// What can be configured, and how it is for everybody who does not say otherwise.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "settings")]
pub(crate) struct Setting {
    #[key]
    pub(crate) name: String,
    pub(crate) default: Value,
}

#[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
#[document(name = "tenants")]
pub(crate) struct Tenant {
    #[key]
    pub(crate) id: String,
    #[validate(length(min = 1))]
    pub(crate) name: String,
}

/// How one setting is for one tenant. It goes with its tenant, and its setting stays as long as it is there. Every version
/// is kept.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "overrides", new(NewOverride), history)]
pub(crate) struct Override {
    #[key(auto)]
    pub(crate) id: Id<Override>,
    #[references(Tenant, on_delete = cascade, name = tenant)]
    pub(crate) tenant_id: String,
    /// At most one override of a setting for each tenant.
    #[unique(scope(tenant_id))]
    #[references(Setting, on_delete = restrict, name = setting)]
    pub(crate) setting_name: String,
    pub(crate) value: Value,
    pub(crate) changed_by: String,
    #[field(updated_at)]
    pub(crate) changed_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Switch(bool),
}

schema! { pub(crate) Configuration { Setting, Tenant, Override } }

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => number.fmt(f),
            Self::Switch(is_on) => f.write_str(if *is_on { "on" } else { "off" }),
        }
    }
}
