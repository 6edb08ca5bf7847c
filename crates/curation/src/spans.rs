//! Mentions that a tagger could not learn from.

use clinsynth_contract::{Example, Span};

use crate::Reason;
use crate::ledger::Finding;
use crate::tokens::joined;

/// Longest ending that a mention is extended by: `s` or `es`.
const PLURAL: usize = 2;

/// Repairs the mentions of an example where that is safe, and names the repairs.
///
/// White space at the edges is taken off. A mention that lacks up to two letters at its end, as of a plural, is
/// extended to the whole word. Anything else (empty, outside the text, inside a word, overlapping) is an error: the
/// first one is returned, and the example is not worth its noise.
pub(crate) fn repair_mentions(example: &mut Example) -> Result<Vec<Finding>, Finding> {
    if example.entities.is_empty() {
        return Ok(Vec::new());
    }
    let text: Vec<char> = example.text.chars().collect();
    let mut repairs = Vec::new();
    for entity in &mut example.entities {
        let span = repair(&text, entity.span(), &mut repairs)?;
        (entity.start, entity.end) = (span.start, span.end);
    }
    let mut spans: Vec<Span> = example.entities.iter().map(clinsynth_contract::Entity::span).collect();
    spans.sort_unstable();
    match spans.windows(2).find(|pair| pair[0].overlaps(pair[1])) {
        Some(pair) => {
            Err((Reason::MentionOverlap, format!("{} overlaps {}", quote(&text, pair[0]), quote(&text, pair[1]))))
        }
        None => Ok(repairs),
    }
}

fn repair(text: &[char], span: Span, repairs: &mut Vec<Finding>) -> Result<Span, Finding> {
    if span.is_empty() {
        return Err((Reason::MentionEmpty, format!("at {}..{}", span.start, span.end)));
    }
    if span.end as usize > text.len() {
        let detail = format!("{}..{} in a text of {} characters", span.start, span.end, text.len());
        return Err((Reason::MentionOutside, detail));
    }
    let trimmed = trim(text, span);
    if trimmed.is_empty() {
        return Err((Reason::MentionEmpty, format!("only white space at {}..{}", span.start, span.end)));
    }
    if trimmed != span {
        repairs.push((Reason::MentionTrimmed, format!("{} at {}", quote(text, trimmed), trimmed.start)));
    }
    let end = word_end(text, trimmed.end as usize);
    let inside = trimmed.start > 0 && joined(text[trimmed.start as usize - 1], text[trimmed.start as usize]);
    let added = end - trimmed.end as usize;
    if inside || added > PLURAL {
        return Err((Reason::MentionInsideWord, format!("{} at {}", quote(text, trimmed), trimmed.start)));
    }
    if added == 0 {
        return Ok(trimmed);
    }
    let whole = Span::new(trimmed.start, end as u32);
    repairs.push((Reason::MentionExtended, format!("{} to {}", quote(text, trimmed), quote(text, whole))));
    Ok(whole)
}

fn trim(text: &[char], span: Span) -> Span {
    let (mut start, mut end) = (span.start, span.end);
    while start < end && text[start as usize].is_whitespace() {
        start += 1;
    }
    while start < end && text[end as usize - 1].is_whitespace() {
        end -= 1;
    }
    Span::new(start, end)
}

/// End of the word that the character before `end` belongs to.
fn word_end(text: &[char], mut end: usize) -> usize {
    while end < text.len() && joined(text[end - 1], text[end]) {
        end += 1;
    }
    end
}

fn quote(text: &[char], span: Span) -> String {
    let slice: String = text[span.start as usize..span.end as usize].iter().collect();
    format!("`{slice}`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clinsynth_contract::Entity;

    use super::*;

    type Spans = [(u32, u32)];

    fn check(text: &str, spans: &Spans, expected: Result<(&Spans, &[Reason]), Reason>) {
        let entities = spans.iter().map(|&(start, end)| Entity::new(Span::new(start, end), "D")).collect();
        let mut example = Example { text: text.to_owned(), entities, ..Example::default() };
        let found = repair_mentions(&mut example);
        let spans: Vec<_> = example.entities.iter().map(|entity| (entity.start, entity.end)).collect();
        match expected {
            Ok((repaired, reasons)) => {
                assert_eq!(found.unwrap().iter().map(|finding| finding.0).collect::<Vec<_>>(), reasons, "{text}");
                assert_eq!(spans, repaired, "{text}");
            }
            Err(reason) => assert_eq!(found.unwrap_err().0, reason, "{text}"),
        }
    }

    #[test]
    fn repairs_or_refuses() {
        check("a cold", &[(2, 6)], Ok((&[(2, 6)], &[])));
        check("a cold ", &[(1, 7)], Ok((&[(2, 6)], &[Reason::MentionTrimmed])));
        check("two colds", &[(4, 8)], Ok((&[(4, 9)], &[Reason::MentionExtended])));
        check("two abscesses", &[(4, 11)], Ok((&[(4, 13)], &[Reason::MentionExtended])));
        check("MELAS-like", &[(0, 5)], Ok((&[(0, 5)], &[])));
        check("肺癌患者", &[(0, 2)], Ok((&[(0, 2)], &[])));
        check("scolding", &[(1, 5)], Err(Reason::MentionInsideWord));
        check("unwell", &[(2, 6)], Err(Reason::MentionInsideWord));
        check("cancerous", &[(0, 6)], Err(Reason::MentionInsideWord));
        check("a cold", &[(3, 3)], Err(Reason::MentionEmpty));
        check("a  cold", &[(1, 3)], Err(Reason::MentionEmpty));
        check("a cold", &[(2, 7)], Err(Reason::MentionOutside));
        check("a bad cold", &[(6, 10), (2, 10)], Err(Reason::MentionOverlap));
        check("", &[], Ok((&[], &[])));
    }
}
