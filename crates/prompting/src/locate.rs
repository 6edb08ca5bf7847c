use std::collections::BTreeMap;

use clinsynth_contract::{Entity, Relation, Span};

use crate::Reason;
use crate::align::{Aligned, Haystack, Misfit, align_ordered, align_unordered};
use crate::coerce::{Draft, Marks, Mention};

/// The marks of an example as the `examples` table has them.
#[derive(Debug)]
pub(crate) struct Located {
    /// By start.
    pub(crate) entities: Vec<Entity>,
    pub(crate) relations: Vec<Relation>,
    /// Doubts, with the values that matter.
    pub(crate) warnings: Vec<(Reason, String)>,
}

/// Turns an example's mentions into entities with offsets, and its pair into a relation.
///
/// Of a pair the first occurrence of each string is meant; where these overlap, the longer string keeps its place.
pub(crate) fn locate(draft: &Draft) -> Result<Located, (Reason, String)> {
    let text = Haystack::new(&draft.text);
    match &draft.marks {
        Marks::Ordered(mentions) => locate_all(&text, mentions, align_ordered(&text, mentions)),
        Marks::Unordered(mentions) => locate_all(&text, mentions, align_unordered(&text, mentions)),
        Marks::Pair { head, tail, relation } => locate_pair(&text, [head, tail], relation),
    }
}

fn locate_all(
    text: &Haystack<'_>,
    mentions: &[Mention],
    aligned: Result<Aligned, Misfit>,
) -> Result<Located, (Reason, String)> {
    let aligned = aligned.map_err(|misfit| describe(&mentions[misfit.index], misfit.overlaps))?;
    let mut warnings = doubts(mentions, &aligned);
    warnings.extend(ambiguities(text, mentions, &aligned));
    let placed = mentions.iter().zip(&aligned.spans);
    let mut entities: Vec<Entity> =
        placed.filter_map(|(mention, span)| span.map(|span| Entity::new(span, &mention.label))).collect();
    entities.sort_by_key(|entity| entity.start);
    Ok(Located { entities, relations: Vec::new(), warnings })
}

fn locate_pair(text: &Haystack<'_>, pair: [&Mention; 2], relation: &str) -> Result<Located, (Reason, String)> {
    let mentions = pair.map(Clone::clone);
    let aligned = align_unordered(text, &mentions).map_err(|misfit| describe(pair[misfit.index], misfit.overlaps))?;
    let [Some(head), Some(tail)] = aligned.spans[..] else {
        return Err(describe(pair[1], true));
    };
    let mut entities = vec![Entity::new(head, &pair[0].label), Entity::new(tail, &pair[1].label)];
    let tail_first = u32::from(tail.start < head.start);
    entities.sort_by_key(|entity| entity.start);
    let relation = Relation { head: tail_first, tail: 1 - tail_first, label: relation.to_owned() };
    Ok(Located { entities, relations: vec![relation], warnings: doubts(&mentions, &aligned) })
}

fn describe(mention: &Mention, overlaps: bool) -> (Reason, String) {
    let Mention { text, label } = mention;
    if overlaps {
        let words = format!("mention `{text}` ({label}) occurs only where another mention stands");
        return (Reason::MentionOverlaps, words);
    }
    (Reason::MentionNotFound, format!("mention `{text}` ({label}) does not occur in the text"))
}

fn doubts(mentions: &[Mention], aligned: &Aligned) -> Vec<(Reason, String)> {
    let loose = aligned.loose.iter().map(|&index| {
        let words = format!("mention `{}` occurs only in another spelling", mentions[index].text);
        (Reason::LooseMatch, words)
    });
    let surplus = mentions.iter().zip(&aligned.spans).filter(|(_, span)| span.is_none()).map(|(mention, _)| {
        let words = format!("mention `{}` was listed more often than it occurs", mention.text);
        (Reason::SurplusMention, words)
    });
    loose.chain(surplus).collect()
}

/// Strings that occur again outside every mention: which occurrence was meant is not known, and one may lack its label.
fn ambiguities(text: &Haystack<'_>, mentions: &[Mention], aligned: &Aligned) -> Vec<(Reason, String)> {
    let spans: Vec<Span> = aligned.spans.iter().flatten().copied().collect();
    let mut labelled: BTreeMap<&str, usize> = BTreeMap::new();
    for mention in mentions {
        *labelled.entry(&mention.text).or_default() += 1;
    }
    let again = labelled.into_iter().filter_map(|(mention, times)| {
        let free = text.free_occurrences(mention, &spans);
        let words = format!("mention `{mention}` was listed {times}×, and occurs {free}× more");
        (free > 0).then_some((Reason::AmbiguousMention, words))
    });
    again.collect()
}
