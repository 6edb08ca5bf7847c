use clinsynth_contract::{Encoding, Example, Hasher, Split};
use clinsynth_dag::{Task, TrainOptions};
use clinsynth_encoding::{Encoded, Encoder};

use super::train::{pair_settings, tags};
use crate::RunnerError;
use crate::execute::Context;

/// The train and dev splits as the model sees them, and how many mentions or pairs could not be shown as they are.
pub(super) fn splits(
    context: &mut Context<'_>,
    encoder: &Encoder,
    examples: &[Example],
    options: &TrainOptions,
) -> Result<(Vec<Encoding>, Vec<Encoding>, usize), RunnerError> {
    let of =
        |split| -> Vec<Example> { examples.iter().filter(|example| example.split == Some(split)).cloned().collect() };
    let (train, dev) = (of(Split::Train), of(Split::Dev));
    for (rows, name) in [(&train, "train"), (&dev, "dev")] {
        if rows.is_empty() {
            let what =
                format!("none of its {} examples is in the {name} split; a `curate` step splits them", examples.len());
            return Err(RunnerError::Empty { step: context.step.id.clone(), what });
        }
    }
    let (mut train, mut dev) = drawn(train, dev, options);
    if options.task == Task::Ner {
        let (own, all) = (context.step.labels.names(), &context.plan.labels);
        for example in train.iter_mut().chain(&mut dev) {
            // Of the pipeline's labels, those of other steps; a label that it does not know is an error.
            example.entities.retain(|entity| own.contains(&entity.label) || !all.contains(&entity.label));
        }
    }
    let tags = tags(context, options)?;
    let encode = |examples: &[Example]| match options.task {
        Task::Ner => encoder.encode_examples(examples, &tags),
        Task::Re => encoder.encode_pairs(examples, &pair_settings(options), Some(&options.relations.names())),
    };
    let Encoded { encodings: train, misaligned } = encode(&train)?;
    let Encoded { encodings: dev, misaligned: more } = encode(&dev)?;
    if options.task == Task::Re {
        for (rows, name) in [(&train, "train"), (&dev, "dev")] {
            require_pairs(context, rows, name)?;
        }
    }
    let misaligned = misaligned.len() + more.len();
    if misaligned > 0 {
        context.note(match options.task {
            Task::Ner => {
                format!("{misaligned} mentions do not start and end on words and were widened or left out")
            }
            Task::Re => format!("{misaligned} pairs overlap or stand too far apart for a window and were left out"),
        });
    }
    Ok((train, dev, misaligned))
}

/// So many examples as are asked for, each split in its share: the first by a digest of `seed` and identifier, so that
/// fewer are a part of more, in their own order.
fn drawn(mut train: Vec<Example>, mut dev: Vec<Example>, options: &TrainOptions) -> (Vec<Example>, Vec<Example>) {
    let all = train.len() + dev.len();
    let Some(wanted) = options.examples.map(|wanted| wanted as usize).filter(|&wanted| wanted < all) else {
        return (train, dev);
    };
    // At least one of each, however few.
    let of_dev = ((2 * wanted * dev.len() + all) / (2 * all)).clamp(1, wanted.max(2) - 1);
    for (split, wanted) in [(&mut train, wanted - of_dev), (&mut dev, of_dev)] {
        let draw = |example: &Example| {
            Hasher::new().field(options.seed.to_string()).field(&example.id).finish().as_str().to_owned()
        };
        let mut draws: Vec<String> = split.iter().map(draw).collect();
        draws.sort();
        let limit = draws.get(wanted).cloned();
        split.retain(|example| limit.as_ref().is_none_or(|limit| draw(example) < *limit));
    }
    (train, dev)
}

/// Examples without a pair have nothing to learn a relation from.
fn require_pairs(context: &Context<'_>, rows: &[Encoding], split: &str) -> Result<(), RunnerError> {
    if !rows.is_empty() {
        return Ok(());
    }
    let what = format!(
        "no example of the {split} split lists a relation of two of its mentions; where pairs are not listed, name the labels \
         between which they are judged under `pairs`"
    );
    Err(RunnerError::Empty { step: context.step.id.clone(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize, name: &str) -> Vec<Example> {
        (0..count).map(|index| Example { id: format!("{name}{index}"), ..Example::default() }).collect()
    }

    #[test]
    fn a_draw_keeps_shares_and_order_and_is_a_part_of_a_larger_one() {
        let (train, dev) = (ids(90, "t"), ids(10, "d"));
        let drawn = |examples, seed| {
            drawn(train.clone(), dev.clone(), &TrainOptions { examples, seed, ..TrainOptions::default() })
        };
        for (examples, sizes) in
            [(None, (90, 10)), (Some(100), (90, 10)), (Some(50), (45, 5)), (Some(4), (3, 1)), (Some(2), (1, 1))]
        {
            let (of_train, of_dev) = drawn(examples, 7);
            assert_eq!((of_train.len(), of_dev.len()), sizes, "{examples:?}");
            assert!(of_train.is_sorted_by_key(|example| train.iter().position(|one| one.id == example.id)));
        }
        for examples in 2..100 {
            let (less, more) = (drawn(Some(examples), 7), drawn(Some(examples + 1), 7));
            assert!(less.0.iter().all(|example| more.0.contains(example)), "{examples}");
            assert!(less.1.iter().all(|example| more.1.contains(example)), "{examples}");
        }
        assert_ne!(drawn(Some(50), 7), drawn(Some(50), 8));
    }
}
