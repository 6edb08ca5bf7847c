//! Which valid examples are accepted when an exact number is asked for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Example, Quarantined};

use crate::{Labelling, Parsed, PromptingError, Reason, Target, Task};

/// The class of a text without a mention, unless a label bears the name.
const NONE: &str = "none";

/// The one class of a target without balance.
const ALL: &str = "";

/// Accepts examples in order until each class has its share.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// Share and accepted examples by class.
    fill: BTreeMap<String, (usize, usize)>,
    task: Task,
}

/// Shares of the classes, with the task that says what a class is.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    by_class: BTreeMap<String, usize>,
    task: Task,
}

/// Divides the count by the weights; what is left over goes to the largest remainders, then by name.
///
/// Errors: [`PromptingError::Settings`] for an empty count, weights that are all 0, or a class that cannot occur.
pub(crate) fn shares(target: &Target, labelling: &Labelling) -> Result<Shares, PromptingError> {
    let bad = |key, problem| Err(PromptingError::Settings { key, problem });
    if target.count == 0 {
        return bad("count", "is 0".to_owned());
    }
    let labels = match labelling.task {
        Task::Re => &labelling.relations,
        _ => &labelling.labels,
    };
    let mut known: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    if labelling.task == Task::Ner {
        known.push(NONE);
    }
    if let Some(class) = target.balance.keys().find(|class| !known.contains(&class.as_str())) {
        return bad("balance", format!("names `{class}`: expected some of {}", known.join(", ")));
    }
    let total: u64 = target.balance.values().map(|&weight| u64::from(weight)).sum();
    if total == 0 && !target.balance.is_empty() {
        return bad("balance", "gives every class the weight 0".to_owned());
    }
    let by_class = if target.balance.is_empty() {
        BTreeMap::from([(ALL.to_owned(), target.count)])
    } else {
        divide(target.count, &target.balance, total)
    };
    Ok(Shares { by_class, task: labelling.task })
}

fn divide(count: usize, weights: &BTreeMap<String, u32>, total: u64) -> BTreeMap<String, usize> {
    let exact = |weight: u32| u64::from(weight) * count as u64;
    let mut shares: BTreeMap<String, usize> =
        weights.iter().map(|(class, &weight)| (class.clone(), (exact(weight) / total) as usize)).collect();
    let mut by_remainder: Vec<(&String, u64)> =
        weights.iter().map(|(class, &weight)| (class, exact(weight) % total)).collect();
    by_remainder.sort_by_key(|&(_, remainder)| std::cmp::Reverse(remainder));
    let left = count - shares.values().sum::<usize>();
    for (class, _) in by_remainder.into_iter().take(left) {
        *shares.entry(class.clone()).or_default() += 1;
    }
    shares
}

impl Selection {
    pub(crate) fn new(shares: Shares) -> Self {
        let fill = shares.by_class.into_iter().map(|(class, share)| (class, (share, 0))).collect();
        Self { fill, task: shares.task }
    }

    /// Keeps what is accepted; the rest becomes quarantined rows.
    pub(crate) fn select(&mut self, parsed: Parsed) -> Parsed {
        let mut texts = BTreeSet::new();
        let mut examples = Vec::new();
        let mut quarantined = parsed.quarantined;
        for example in parsed.examples {
            let refused = if texts.contains(&example.text) {
                Some((Reason::RepeatedText, "an example before it has the same text".to_owned()))
            } else {
                self.accept(&example).err()
            };
            match refused {
                None => {
                    texts.insert(example.text.clone());
                    examples.push(example);
                }
                Some((reason, detail)) => quarantined.push(surplus(&example, reason, detail)),
            }
        }
        Parsed { examples, quarantined, warnings: parsed.warnings }
    }

    fn accept(&mut self, example: &Example) -> Result<(), (Reason, String)> {
        let classes = if self.fill.contains_key(ALL) { vec![ALL] } else { classes(example, self.task) };
        let behind = |class: &&&str| self.fill.get(**class).is_some_and(|(share, accepted)| accepted < share);
        // Compared as fractions, so that no rounding decides.
        let least = |left: &&&str, right: &&&str| {
            let ((left_share, left_fill), (right_share, right_fill)) = (self.fill[**left], self.fill[**right]);
            (left_fill * right_share).cmp(&(right_fill * left_share))
        };
        let Some(class) = classes.iter().filter(behind).min_by(least).map(|class| (*class).to_owned()) else {
            let detail = match classes.as_slice() {
                [ALL] => "as many examples as asked for were accepted before it".to_owned(),
                classes => format!("enough examples of `{}` were accepted before it", classes.join("`, `")),
            };
            return Err((Reason::BeyondCount, detail));
        };
        if let Some((_, accepted)) = self.fill.get_mut(&class) {
            *accepted += 1;
        }
        Ok(())
    }

    /// Whether a further example of this class can be accepted.
    pub(crate) fn wants(&self, class: &str) -> bool {
        self.fill.contains_key(ALL) || self.fill.get(class).is_some_and(|(share, accepted)| accepted < share)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.need() == 0
    }

    /// Examples to ask for next, by the yield of those asked for so far, which is taken to be at least one in ten.
    pub(crate) fn expected_need(&self, candidates: usize) -> usize {
        let accepted = self.accepted();
        if candidates == 0 {
            return self.need();
        }
        let by_yield = (self.need() * candidates).div_ceil(accepted.max(1));
        by_yield.min(10 * self.need())
    }

    /// The error of a target that was not reached.
    pub(crate) fn too_few(
        &self,
        count: usize,
        candidates: usize,
        set_aside: &BTreeMap<String, usize>,
    ) -> PromptingError {
        let missing: Vec<String> = self
            .fill
            .iter()
            .filter(|(class, (share, accepted))| accepted < share && class.as_str() != ALL)
            .map(|(class, (share, accepted))| format!("{} of `{class}`", share - accepted))
            .collect();
        let mut reasons: Vec<_> = set_aside.iter().collect();
        reasons.sort_by_key(|(_, rows)| Reverse(**rows));
        let reasons: Vec<String> = reasons.iter().map(|(reason, rows)| format!("{rows} as `{reason}`")).collect();
        PromptingError::TooFewAccepted {
            accepted: self.accepted(),
            count,
            candidates,
            missing: if missing.is_empty() { format!("{} more", self.need()) } else { missing.join(", ") },
            set_aside: if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") },
        }
    }

    fn need(&self) -> usize {
        self.fill.values().map(|(share, accepted)| share - accepted).sum()
    }

    fn accepted(&self) -> usize {
        self.fill.values().map(|(_, accepted)| accepted).sum()
    }
}

/// The classes of an example: its relations, or its labels, or `none`; each once.
pub(crate) fn classes(example: &Example, task: Task) -> Vec<&str> {
    let found: BTreeSet<&str> = match task {
        Task::Ner | Task::Propose => example.entities.iter().map(|entity| entity.label.as_str()).collect(),
        // What a pair was given or confirmed as, where there are pairs.
        Task::Extract | Task::Verify if example.relations.is_empty() => {
            example.entities.iter().map(|entity| entity.label.as_str()).collect()
        }
        Task::Re | Task::Extract | Task::Verify => {
            example.relations.iter().map(|relation| relation.label.as_str()).collect()
        }
    };
    if found.is_empty() { vec![NONE] } else { found.into_iter().collect() }
}

fn surplus(example: &Example, reason: Reason, detail: String) -> Quarantined {
    reason.row(&example.id, detail, Some(&example.document), &example.text, example.sensitivity)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clinsynth_contract::{Entity, Span};

    use super::*;
    use crate::Label;

    fn selection(count: usize, balance: &[(&str, u32)]) -> Result<Selection, PromptingError> {
        let labels = ["Disease", "Chemical"].map(|name| Label::new(name, "")).into();
        let labelling = Labelling { task: Task::Ner, labels, relations: Vec::new() };
        let balance = balance.iter().map(|&(class, weight)| (class.to_owned(), weight)).collect();
        shares(&Target { count, max_candidates: 100, balance }, &labelling).map(Selection::new)
    }

    fn example(text: &str, labels: &str) -> Example {
        let named = |letter: char| if letter == 'D' { "Disease" } else { "Chemical" };
        let entities = labels.chars().map(|letter| Entity::new(Span::new(0, 1), named(letter))).collect();
        Example { id: text.into(), text: text.into(), entities, ..Example::default() }
    }

    fn check(count: usize, balance: &[(&str, u32)], examples: &[(&str, &str)], kept: &[&str], reasons: &[&str]) {
        let mut selection = selection(count, balance).unwrap();
        let examples = examples.iter().map(|(text, labels)| example(text, labels)).collect();
        let selected = selection.select(Parsed { examples, ..Parsed::default() });
        assert_eq!(selected.examples.iter().map(|example| &*example.text).collect::<Vec<_>>(), kept, "{balance:?}");
        assert_eq!(selected.quarantined.iter().map(|row| &*row.reason).collect::<Vec<_>>(), reasons, "{balance:?}");
    }

    #[test]
    fn accepts_distinct_texts_up_to_the_count() {
        check(2, &[], &[("a", "D"), ("a", "D"), ("b", ""), ("c", "")], &["a", "b"], &["repeated_text", "beyond_count"]);
    }

    #[test]
    fn fills_each_class_and_counts_a_mixed_example_for_the_one_behind() {
        let balance = [("Chemical", 1), ("Disease", 1)];
        let examples = [("a", "D"), ("b", "DC"), ("c", "D"), ("d", "DC"), ("e", ""), ("f", "C")];
        check(4, &balance, &examples, &["a", "b", "c", "d"], &["beyond_count"; 2]);
        let balance = [("Chemical", 1), ("Disease", 1), ("none", 2)];
        check(4, &balance, &examples, &["a", "b", "e"], &["beyond_count"; 3]);
    }

    #[test]
    fn shares_add_up_to_the_count() {
        let check = |count, balance: &[(&str, u32)], expected: &[usize]| {
            let found: Vec<usize> = selection(count, balance).unwrap().fill.values().map(|(share, _)| *share).collect();
            assert_eq!(found, expected);
        };
        check(10, &[("Chemical", 1), ("Disease", 2)], &[3, 7]);
        check(10, &[("Chemical", 1), ("Disease", 1), ("none", 1)], &[4, 3, 3]);
        check(1, &[("Chemical", 1), ("Disease", 1)], &[1, 0]);
    }

    #[test]
    fn refuses_what_cannot_be_reached() {
        let message = |count, balance: &[(&str, u32)]| selection(count, balance).unwrap_err().to_string();
        assert_eq!(message(0, &[]), "`count` is 0");
        assert_eq!(message(1, &[("Gene", 1)]), "`balance` names `Gene`: expected some of Disease, Chemical, none");
        assert_eq!(message(1, &[("Disease", 0)]), "`balance` gives every class the weight 0");
    }

    #[test]
    fn asks_for_as_much_as_the_yield_lets_expect() {
        let mut selection = selection(10, &[]).unwrap();
        assert_eq!(selection.expected_need(0), 10);
        let examples = ["a", "b", "c", "d", "e"].map(|text| example(text, "D")).into();
        selection.select(Parsed { examples, ..Parsed::default() });
        assert_eq!(selection.expected_need(10), 10);
        assert_eq!(selection.expected_need(20), 20);
        assert_eq!(selection.expected_need(1000), 50);
        assert_eq!(
            selection.too_few(10, 20, &[("no_json".into(), 2), ("repeated_text".into(), 3)].into()).to_string(),
            "5 of 10 examples were accepted out of 20 candidates (missing: 5 more; set aside: 3 as `repeated_text`, 2 as \
             `no_json`): raise `max-candidates`, add seeds or recordings, or lower `count`"
        );
    }
}
