use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Example, Split};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{CurationError, SplitSettings};

/// Assigns train or dev to the examples that have no split yet, so that no topic stands on both sides.
///
/// Topics (else requests, else documents, else single examples) are taken in the order of a hash of seed and name; each
/// goes to dev while that brings its size nearer to the wanted fraction, so the fraction is met to within half the
/// largest topic. With two topics or more and a fraction above 0, neither side is left empty. Which side a topic is on
/// depends on the names and sizes of all topics, never on the order of rows.
///
/// Errors: a fraction outside 0 to 1.
pub fn split_by_topic(examples: &mut [Example], settings: &SplitSettings) -> Result<(), CurationError> {
    settings.check()?;
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for example in examples.iter().filter(|example| example.split.is_none()) {
        *sizes.entry(topic(example)).or_default() += 1;
    }
    let dev: BTreeSet<String> = dev_topics(&sizes, settings).into_iter().map(str::to_owned).collect();
    for example in examples.iter_mut().filter(|example| example.split.is_none()) {
        example.split = Some(if dev.contains(topic(example)) { Split::Dev } else { Split::Train });
    }
    Ok(())
}

fn topic(example: &Example) -> &str {
    let Example { id, document, provenance, .. } = example;
    let names = [provenance.topic.as_deref(), provenance.request.as_deref(), Some(document), Some(id)];
    names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default()
}

fn dev_topics<'a>(sizes: &BTreeMap<&'a str, usize>, settings: &SplitSettings) -> Vec<&'a str> {
    if sizes.len() < 2 || settings.dev_fraction == 0.0 {
        return Vec::new();
    }
    let mut order: Vec<(u64, &str, usize)> =
        sizes.iter().map(|(&name, &size)| (xxh3_64_with_seed(name.as_bytes(), settings.seed), name, size)).collect();
    order.sort_unstable();
    let wanted = settings.dev_fraction * order.iter().map(|&(_, _, size)| size).sum::<usize>() as f64;
    let mut taken = 0;
    let mut dev = Vec::new();
    for &(_, name, size) in &order {
        if taken as f64 + size as f64 / 2.0 <= wanted {
            taken += size;
            dev.push(name);
        }
    }
    let smallest = order.iter().min_by_key(|&&(hash, _, size)| (size, hash)).map(|&(_, name, _)| name);
    if dev.is_empty() {
        dev.extend(smallest);
    } else if dev.len() == order.len() {
        dev.retain(|&name| Some(name) != smallest);
    }
    dev
}
