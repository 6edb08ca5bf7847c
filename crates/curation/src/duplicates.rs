use std::collections::HashMap;

use clinsynth_contract::Example;
use xxhash_rust::xxh3::xxh3_128;

use crate::Reason;
use crate::ledger::Ledger;
use crate::minhash::{NearIndex, shingles};
use crate::tokens::normal_form;

/// Sets aside every example whose text is the same as, or nearly the same as, one that stands earlier and is kept.
pub(crate) fn drop_duplicates(examples: Vec<Example>, threshold: f64, ledger: &mut Ledger) -> Vec<Example> {
    // The first holder of each text, and of each filed text by its number in the index.
    let mut exact: HashMap<u128, (String, Vec<String>)> = HashMap::with_capacity(examples.len());
    let mut filed: Vec<String> = Vec::new();
    let mut near = NearIndex::new(threshold);
    ledger.retain(examples, |example| {
        let normal = normal_form(&example.text);
        let mentions = labelled_strings(example);
        if let Some((first, labelled)) = exact.get(&xxh3_128(normal.as_bytes())) {
            let differ = if *labelled == mentions { "" } else { ", which labels it otherwise" };
            return Some((Reason::Duplicate, format!("of `{first}`{differ}")));
        }
        if let Some((number, similarity)) = near.find_or_file(shingles(&normal)) {
            return Some((Reason::NearDuplicate, format!("{similarity:.2} like `{}`", filed[number])));
        }
        exact.insert(xxh3_128(normal.as_bytes()), (example.id.clone(), mentions));
        filed.push(example.id.clone());
        None
    })
}

/// Each mention's normal form with its label, for comparing the labels of equal texts.
fn labelled_strings(example: &Example) -> Vec<String> {
    let offsets = clinsynth_contract::CharOffsets::new(&example.text);
    let mention = |entity: &clinsynth_contract::Entity| {
        format!("{}\t{}", normal_form(offsets.slice(entity.span()).unwrap_or_default()), entity.label)
    };
    example.entities.iter().map(mention).collect()
}
