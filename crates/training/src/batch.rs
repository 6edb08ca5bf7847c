use clinsynth_contract::{Dimension, ElementType, Manifest, TensorSpec};
use clinsynth_runtime::ort;
use clinsynth_runtime::ort::memory::Allocator;
use clinsynth_runtime::ort::session::IoBinding;
use clinsynth_runtime::ort::value::Tensor;

use crate::TrainingError;
use crate::batching::padded;
use crate::sample::Sample;

/// Label of sub-tokens that carry no tag; the loss leaves them out.
const IGNORED: i64 = -100;

/// Samples padded to one length.
pub(crate) struct Batch<'s> {
    pub samples: Vec<&'s Sample>,
    /// Sub-tokens of each row.
    pub length: usize,
}

impl<'s> Batch<'s> {
    pub(crate) fn new(samples: Vec<&'s Sample>) -> Self {
        let length = samples.iter().map(|sample| padded(sample.ids.len())).max().unwrap_or(0);
        Self { samples, length }
    }

    /// Sub-tokens without padding.
    pub(crate) fn tokens(&self) -> usize {
        self.samples.iter().map(|sample| sample.ids.len()).sum()
    }

    /// Words that carry a tag, or pairs.
    pub(crate) fn words(&self) -> usize {
        self.samples.iter().map(|sample| sample.tags.len()).sum()
    }

    /// A graph shape with this batch's sizes.
    pub(crate) fn shape(&self, dimensions: &[Dimension]) -> Vec<usize> {
        dimensions.iter().map(|dimension| self.size(dimension)).collect()
    }

    fn size(&self, dimension: &Dimension) -> usize {
        match *dimension {
            Dimension::Sequence => self.length,
            Dimension::Batch => self.samples.len(),
            Dimension::Fixed(size) => size,
        }
    }

    /// The row-major distance between neighbours along `axis`.
    fn stride(&self, dimensions: &[Dimension], axis: &Dimension) -> usize {
        let inner = dimensions.iter().skip_while(|dimension| *dimension != axis).skip(1);
        inner.map(|dimension| self.size(dimension)).product()
    }
}

/// What a batch input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Ids,
    /// Tags of tokens.
    Tags,
    /// One class a sequence.
    Class,
    /// Where the entities of a pair start.
    Starts,
    Bias,
}

/// The inputs of a batch, filled anew for each.
pub(crate) struct BatchInputs {
    specs: Vec<(TensorSpec, Content)>,
    padding: i64,
}

impl BatchInputs {
    /// Errors: [`TrainingError::UnknownInput`] for a name or type that this build cannot fill.
    pub(crate) fn new(manifest: &Manifest) -> Result<Self, TrainingError> {
        let known = |spec: &TensorSpec| {
            let content = match (spec.name.as_str(), spec.element) {
                ("input_ids", ElementType::Int64) => Content::Ids,
                ("labels", ElementType::Int64) if manifest.classifies_sequences() => Content::Class,
                ("labels", ElementType::Int64) => Content::Tags,
                ("entity_starts", ElementType::Int64) => Content::Starts,
                ("attention_bias", ElementType::Float32) => Content::Bias,
                _ => return Err(TrainingError::UnknownInput { name: spec.name.clone() }),
            };
            Ok((spec.clone(), content))
        };
        let specs = manifest.batch.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self { specs, padding: i64::from(manifest.encoder.padding) })
    }

    /// Binds the batch to a session's inputs, in memory of `allocator`.
    pub(crate) fn bind(&self, binding: &mut IoBinding, allocator: &Allocator, batch: &Batch<'_>) -> ort::Result<()> {
        for (spec, content) in &self.specs {
            let shape = batch.shape(&spec.shape);
            match spec.element {
                ElementType::Int64 => {
                    let mut tensor = Tensor::<i64>::new(allocator, shape)?;
                    self.fill(tensor.extract_tensor_mut().1, spec, *content, batch);
                    binding.bind_input(&spec.name, &tensor)?;
                }
                ElementType::Float32 => {
                    let mut values = vec![0; shape.iter().product()];
                    self.fill(&mut values, spec, *content, batch);
                    let mut tensor = Tensor::<f32>::new(allocator, shape)?;
                    let targets = tensor.extract_tensor_mut().1.iter_mut();
                    targets.zip(&values).for_each(|(target, &value)| *target = value as f32);
                    binding.bind_input(&spec.name, &tensor)?;
                }
            }
        }
        Ok(())
    }

    fn fill(&self, values: &mut [i64], spec: &TensorSpec, content: Content, batch: &Batch<'_>) {
        let along = match content {
            Content::Starts => 1,
            _ => batch.stride(&spec.shape, &Dimension::Sequence),
        };
        let across = batch.stride(&spec.shape, &Dimension::Batch);
        values.fill(match content {
            Content::Ids => self.padding,
            Content::Tags | Content::Class => IGNORED,
            Content::Starts => 0,
            Content::Bias => BIAS,
        });
        for (row, sample) in batch.samples.iter().enumerate() {
            let mut set = |position: usize, value: i64| values[row * across + position * along] = value;
            match content {
                Content::Ids => sample.ids.iter().enumerate().for_each(|(place, &id)| set(place, i64::from(id))),
                Content::Class => set(0, sample.tags.first().map_or(IGNORED, |&class| i64::from(class))),
                Content::Starts => {
                    sample.starts.iter().enumerate().for_each(|(place, &start)| set(place, i64::from(start)));
                }
                Content::Tags => sample
                    .positions
                    .iter()
                    .zip(&sample.tags)
                    .for_each(|(&place, &tag)| set(place as usize, i64::from(tag))),
                Content::Bias => (0..sample.ids.len()).for_each(|place| set(place, 0)),
            }
        }
    }
}

/// Added to attention scores of padding: far below any score, far above the least float32.
const BIAS: i64 = -10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, element: ElementType, shape: &[Dimension], content: Content, expected: &[i64]) {
        let sample = |ids: &[u32], positions: &[u32], tags: &[u32]| Sample {
            example: String::new(),
            ids: ids.to_vec(),
            positions: positions.to_vec(),
            tags: tags.to_vec(),
            starts: vec![1, 2],
            owned: 0..tags.len(),
        };
        let samples = [sample(&[1, 5, 2], &[1], &[4]), sample(&[1, 6, 7, 8, 2], &[1, 3], &[0, 2])];
        let batch = Batch { samples: samples.iter().collect(), length: 6 };
        let spec = TensorSpec { name: name.to_owned(), element, shape: shape.to_vec() };
        let inputs = BatchInputs { specs: Vec::new(), padding: 9 };
        let mut values = vec![77; batch.shape(shape).iter().product()];
        inputs.fill(&mut values, &spec, content, &batch);
        assert_eq!(values, expected, "{name}");
        assert_eq!((batch.tokens(), batch.words()), (8, 3));
    }

    #[test]
    fn rows_are_laid_out_as_the_graph_asks() {
        use Dimension::{Batch, Fixed, Sequence};
        let ids = ElementType::Int64;
        check("input_ids", ids, &[Sequence, Batch], Content::Ids, &[1, 1, 5, 6, 2, 7, 9, 8, 9, 2, 9, 9]);
        check("input_ids", ids, &[Batch, Sequence], Content::Ids, &[1, 5, 2, 9, 9, 9, 1, 6, 7, 8, 2, 9]);
        let labels = [-100, -100, 4, 0, -100, -100, -100, 2, -100, -100, -100, -100];
        check("labels", ids, &[Sequence, Batch], Content::Tags, &labels);
        check("labels", ids, &[Batch], Content::Class, &[4, 0]);
        check("entity_starts", ids, &[Batch, Fixed(2)], Content::Starts, &[1, 2, 1, 2]);
        let bias = [0, 0, 0, BIAS, BIAS, BIAS, 0, 0, 0, 0, 0, BIAS];
        let shape = [Batch, Fixed(1), Fixed(1), Sequence];
        check("attention_bias", ElementType::Float32, &shape, Content::Bias, &bias);
    }

    #[test]
    fn batches_are_padded_to_a_multiple_of_eight() {
        let ids = vec![1; 9];
        let sample =
            Sample { example: String::new(), ids, positions: vec![1], tags: vec![0], starts: vec![], owned: 0..1 };
        assert_eq!(Batch::new(vec![&sample]).length, 16);
    }
}
