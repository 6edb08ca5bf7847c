//! Whether an example holds what its seed asked for.

use clinsynth_contract::{Entity, Span};

use crate::align::Haystack;
use crate::{PromptSeed, Reason};

/// A mention that a seed asks for.
struct Wanted<'s> {
    mention: &'s str,
    /// Whether something must be labelled where it stands: a seed of a pair names what is marked, one of a mention does
    /// where it has a label.
    labelled: bool,
    label: Option<&'s str>,
    concept: Option<&'s str>,
}

fn wanted(seed: &PromptSeed) -> impl Iterator<Item = Wanted<'_>> {
    let of = |mention: &'static str| {
        let (mention, labelled, label, concept) = match mention {
            "mention" => (&seed.mention, seed.label.is_some(), seed.label.as_deref(), &seed.concept),
            "head" => (&seed.head, true, None, &seed.head_concept),
            _ => (&seed.tail, true, None, &seed.tail_concept),
        };
        Some(Wanted { mention: mention.as_deref()?, labelled, label, concept: concept.as_deref() })
    };
    ["mention", "head", "tail"].into_iter().filter_map(of)
}

/// What the example lacks of its seed: a mention, or a label where it stands. The label may be on a longer mention around it.
pub(crate) fn what_is_lacking(text: &str, entities: &[Entity], seed: &PromptSeed) -> Option<(Reason, String)> {
    let haystack = Haystack::new(text);
    wanted(seed).find_map(|Wanted { mention, labelled, .. }| {
        let places = haystack.loose_occurrences(mention);
        if places.is_empty() {
            let words = format!("the text does not hold `{mention}`, which it was asked for");
            return Some((Reason::SeedMissing, words));
        }
        let met = |place: &Span| entities.iter().any(|entity| entity.span().overlaps(*place));
        let words = || format!("the text holds `{mention}`, which it was asked for, but nothing is labelled there");
        (labelled && !places.iter().any(met)).then(|| (Reason::SeedUnlabelled, words()))
    })
}

/// Gives the seed's concept to the entities that are its very mention, under its label.
pub(crate) fn mark_concepts(text: &str, entities: &mut [Entity], seed: &PromptSeed) {
    for Wanted { mention, label, concept, .. } in wanted(seed).filter(|wanted| wanted.concept.is_some()) {
        let places = Haystack::new(text).loose_occurrences(mention);
        for entity in entities.iter_mut().filter(|entity| places.contains(&entity.span())) {
            if label.is_none_or(|label| label == entity.label) {
                entity.concept = concept.map(str::to_owned);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(start: u32, end: u32, label: &str) -> Entity {
        Entity::new(Span::new(start, end), label)
    }

    fn of_mention(mention: &str, label: Option<&str>) -> PromptSeed {
        let owned = |text: &str| Some(text.to_owned());
        PromptSeed {
            mention: owned(mention),
            label: label.and_then(owned),
            concept: owned("D:1"),
            ..PromptSeed::default()
        }
    }

    fn check(text: &str, entities: &[Entity], seed: &PromptSeed, expected: Option<(Reason, &str)>) {
        let found = what_is_lacking(text, entities, seed);
        assert_eq!(found, expected.map(|(reason, words)| (reason, words.to_owned())), "{text}");
    }

    #[test]
    fn a_text_must_hold_its_mention_as_a_word_and_a_label_there() {
        let gout = of_mention("gout", Some("Disease"));
        check("He has Gout.", &[entity(7, 11, "Disease")], &gout, None);
        check("He has gout flares.", &[entity(7, 18, "Disease")], &gout, None);
        let missing = (Reason::SeedMissing, "the text does not hold `gout`, which it was asked for");
        check("A goutweed.", &[], &gout, Some(missing));
        let unlabelled =
            (Reason::SeedUnlabelled, "the text holds `gout`, which it was asked for, but nothing is labelled there");
        check("gout and flu", &[entity(9, 12, "Disease")], &gout, Some(unlabelled));
        check("gout and flu", &[], &of_mention("gout", None), None);
        check("anything", &[], &PromptSeed::default(), None);
        let owned = |text: &str| Some(text.to_owned());
        let pair = PromptSeed { head: owned("FTO"), tail: owned("gout"), ..PromptSeed::default() };
        check("FTO, gout", &[entity(0, 3, "Gene"), entity(5, 9, "Disease")], &pair, None);
        check("FTO, flu", &[entity(0, 3, "Gene"), entity(5, 8, "Disease")], &pair, Some(missing));
    }

    #[test]
    fn the_concept_goes_to_the_very_mention_under_its_label() {
        let mut entities = [entity(0, 4, "Disease"), entity(5, 9, "Chemical"), entity(10, 18, "Disease")];
        mark_concepts("gout Gout goutweed", &mut entities, &of_mention("gout", Some("Disease")));
        let concepts = entities.map(|entity| entity.concept);
        assert_eq!(concepts, [Some("D:1".to_owned()), None, None]);
    }
}
