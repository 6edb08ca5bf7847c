use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ContractError;

/// How far data may travel. The order is a lattice: a step's output has the highest sensitivity of its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// Published text, such as a benchmark corpus or a vocabulary.
    Public,
    /// Text that a language model wrote.
    #[default]
    Synthetic,
    /// Figures computed over restricted text (scores, counts), which quote none of it.
    Aggregate,
    /// Patient text and whatever is derived from it; it never leaves the house.
    Restricted,
}

impl Sensitivity {
    /// Every level, lowest first.
    pub const ALL: [Self; 4] = [Self::Public, Self::Synthetic, Self::Aggregate, Self::Restricted];

    /// The name in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Synthetic => "synthetic",
            Self::Aggregate => "aggregate",
            Self::Restricted => "restricted",
        }
    }

    /// The highest of several; `Public` for none.
    pub fn highest(levels: impl IntoIterator<Item = Self>) -> Self {
        levels.into_iter().max().unwrap_or(Self::Public)
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Sensitivity {
    type Err = ContractError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| ContractError::UnknownName {
            what: "sensitivity",
            value: name.to_owned(),
            expected: "public, synthetic, aggregate, restricted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_the_lattice() {
        assert_eq!(Sensitivity::highest([Sensitivity::Synthetic, Sensitivity::Public]), Sensitivity::Synthetic);
        assert!(Sensitivity::Restricted > Sensitivity::Aggregate);
        for level in Sensitivity::ALL {
            assert_eq!(level.name().parse::<Sensitivity>().ok(), Some(level));
        }
    }
}
