//! Why something is not packed.

use std::fmt;

use crate::cover::TargetId;

/// Why a group is not packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A baseline alone has more characters than a policy may have.
    TooLarge {
        /// Name of the baseline.
        baseline: String,
        /// Its characters, minified.
        characters: usize,
        /// How many a policy may have.
        max_characters: usize,
    },
    /// A baseline has elements whose meaning is not known, so that nothing can be said about what it decides.
    UnknownElements {
        /// Name of the baseline.
        baseline: String,
        /// Names of the elements.
        elements: Vec<String>,
    },
    /// A target has no room for so many policies.
    NoFreeSlot {
        /// The first of the targets, by id.
        target: TargetId,
        /// Policies of ours that it would have.
        needed: usize,
        /// Policies of ours that it has room for.
        free: usize,
        /// Characters of this group's policies on it.
        characters: usize,
        /// How many a policy may have.
        max_characters: usize,
        /// How many policies of ours it would have if statements were moved, where that is fewer.
        repacked: Option<usize>,
        /// Further targets without room.
        more: usize,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { baseline, characters, max_characters } => write!(
                formatter,
                "{baseline} has {characters} characters, minified, and a policy may have {max_characters}: split it in two, or \
                 shorten its lists"
            ),
            Self::UnknownElements { baseline, elements } => write!(
                formatter,
                "{baseline} has elements whose meaning is not known ({}): remove them",
                elements.join(", ")
            ),
            Self::NoFreeSlot { target, needed, free, characters, max_characters, repacked, more } => {
                write!(
                    formatter,
                    "{target} would have {needed} policies of ours and has room for {free}; the {characters} characters of \
                     this group go into policies of at most {max_characters}"
                )?;
                if *more > 0 {
                    write!(formatter, "; the same on {more} targets more")?;
                }
                match repacked {
                    Some(fewer) => write!(formatter, ": a repack, which moves statements, would need {fewer}"),
                    None => formatter.write_str(": detach a policy from it, or want less there"),
                }
            }
        }
    }
}
