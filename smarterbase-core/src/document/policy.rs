//! What happens to documents that are not of today: when they are written again, who may read them, where they come from.

/// The rules of a type about versions other than its own.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// When a document of an older version is written at the version of today.
    pub upgrade: Upgrade,
    /// What an upgrade of the whole collection does with a document whose step fails.
    pub on_bad: OnBad,
    /// Documents without an envelope that another library wrote.
    pub adopt: Option<Adoption>,
    /// The lowest version whose programs can read what this one writes; 0 when only its own can.
    pub readable_by: u32,
    /// How far the type's shape is promised.
    pub standing: Standing,
    /// The text of the type's lock, which seals its versions; empty where there is none.
    pub lock: &'static [u8],
}

impl Policy {
    /// Upgrades on read only, errors for bad documents, no other library, and nothing promised.
    pub const DEFAULT: Self = Self {
        upgrade: Upgrade::OnRead,
        on_bad: OnBad::Fail,
        adopt: None,
        readable_by: 0,
        standing: Standing::Untracked,
        lock: &[],
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// When a document of an older version is written at the version of today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// With its next save. Reading writes nothing.
    #[default]
    OnRead,
    /// In the background after it was read.
    WriteBack,
    /// In the background after it was read, and the whole collection once the type is first used in a process.
    Eager,
}

/// What an upgrade of a whole collection does with a document whose step fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBad {
    /// The run ends with the error.
    #[default]
    Fail,
    /// The document is moved aside, together with the error, and the run goes on.
    Quarantine,
}

/// Documents without an envelope that another library wrote, with the version in a member of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The member that holds the version: `_v`.
    pub version_field: &'static str,
    /// The other library's number for what is version 1 here; also that of documents without the member.
    pub base: u32,
}

/// How far the shape of a type is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known; nothing is checked. For facts that no derive made.
    Untracked,
    /// `unsealed`: refused where any version of the collection is published.
    Unsealed,
    /// The version of today is not sealed yet: its digest must be that of the published version, if there is one.
    Draft(u64),
    /// The version of today is the last one of [`Policy::lock`].
    Sealed,
}
