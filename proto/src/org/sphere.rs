//! Spheres: stages of belonging to a body.

use serde::{Deserialize, Serialize};

/// How close somebody is. The order is that of the stages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sphere {
    /// Accepts the leadership while working with it.
    Volunteer,
    /// Accepts the points of unity.
    Member,
    /// Accepts the cardinal principles too.
    Cadre,
}

impl Sphere {
    /// All, from the outermost.
    pub const ALL: [Self; 3] = [Self::Volunteer, Self::Member, Self::Cadre];

    /// The default word for it; a charter may have another.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Volunteer => "volunteer",
            Self::Member => "member",
            Self::Cadre => "cadre",
        }
    }
}
