//! Who was set aside or flagged, and why.

use clinsynth_contract::{Example, Quarantined};

use crate::Reason;

/// `Quarantined::stage` of every row that this crate writes.
pub const STAGE: &str = "curate";

/// A reason with its values in words.
pub(crate) type Finding = (Reason, String);

/// The rows written so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) flags: Vec<Quarantined>,
}

impl Ledger {
    pub(crate) fn set_aside(&mut self, example: &Example, finding: Finding) {
        self.quarantined.push(row(example, finding));
    }

    pub(crate) fn flag(&mut self, example: &Example, finding: Finding) {
        self.flags.push(row(example, finding));
    }

    /// Keeps the examples without a finding and sets the others aside.
    pub(crate) fn retain(
        &mut self,
        examples: Vec<Example>,
        mut find: impl FnMut(&Example) -> Option<Finding>,
    ) -> Vec<Example> {
        let mut kept = Vec::with_capacity(examples.len());
        for example in examples {
            match find(&example) {
                None => kept.push(example),
                Some(finding) => self.set_aside(&example, finding),
            }
        }
        kept
    }
}

fn row(example: &Example, (reason, detail): Finding) -> Quarantined {
    Quarantined {
        id: example.id.clone(),
        stage: STAGE.to_owned(),
        reason: reason.code().to_owned(),
        detail,
        request: example.provenance.request.clone(),
        text: example.text.clone(),
        sensitivity: example.sensitivity,
    }
}
