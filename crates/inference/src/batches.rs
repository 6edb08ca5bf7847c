use std::cmp::Reverse;

use clinsynth_contract::Encoding;

/// Groups rows of these lengths so that rows times the longest row stays within `tokens`, the longest rows first: then
/// memory peaks at once, and the pace that the observer sees is never better than what is to come.
pub(crate) fn plan(lengths: &[usize], tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| Reverse(lengths[row]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for row in order {
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * lengths[batch[0]] <= tokens => batch.push(row),
            _ => batches.push(vec![row]),
        }
    }
    batches
}

/// Inputs of one run, row-major `[sequences, length]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) sequences: usize,
    pub(crate) length: usize,
    pub(crate) input_ids: Vec<i64>,
    pub(crate) attention_mask: Vec<i64>,
    /// `[sequences, 2]` of pairs, else empty.
    pub(crate) entity_starts: Vec<i64>,
}

impl Batch {
    /// Pads these rows at their ends to the longest of them.
    pub(crate) fn new(encodings: &[Encoding], rows: &[usize], padding: u32) -> Self {
        let length = rows.iter().map(|&row| encodings[row].input_ids.len()).max().unwrap_or(0);
        let mut input_ids = Vec::with_capacity(rows.len() * length);
        let mut attention_mask = Vec::with_capacity(rows.len() * length);
        for ids in rows.iter().map(|&row| &encodings[row].input_ids) {
            input_ids.extend(ids.iter().map(|&id| i64::from(id)));
            attention_mask.resize(input_ids.len(), 1);
            input_ids.resize(input_ids.len() + length - ids.len(), i64::from(padding));
            attention_mask.resize(input_ids.len(), 0);
        }
        let starts = rows.iter().flat_map(|&row| &encodings[row].entity_starts);
        let entity_starts = starts.map(|&start| i64::from(start)).collect();
        Self { sequences: rows.len(), length, input_ids, attention_mask, entity_starts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_by_length_within_the_budget() {
        let check = |lengths: &[usize], tokens, expected: &[&[usize]]| assert_eq!(plan(lengths, tokens), expected);
        check(&[], 8, &[]);
        check(&[2, 5, 3, 5, 2], 10, &[&[1, 3], &[2, 0, 4]]);
        check(&[9, 1], 4, &[&[0], &[1]]);
    }

    #[test]
    fn pads_at_the_end() {
        let row = |input_ids: &[u32]| Encoding { input_ids: input_ids.to_vec(), ..Encoding::default() };
        let batch = Batch::new(&[row(&[5]), row(&[]), row(&[7, 8])], &[2, 0], 1);
        let (input_ids, attention_mask) = (vec![7, 8, 5, 1], vec![1, 1, 1, 0]);
        assert_eq!(batch, Batch { sequences: 2, length: 2, input_ids, attention_mask, entity_starts: vec![] });
    }
}
