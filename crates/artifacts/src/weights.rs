use std::collections::{BTreeMap, HashMap};
use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, StoredPart};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::ArtifactError;
use crate::encoder::Encoder;

/// A safetensors file in memory.
#[derive(Debug)]
pub(crate) struct WeightFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl WeightFile {
    /// Reads it whole.
    ///
    /// Errors: [`ArtifactError::Read`].
    pub(crate) fn read(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = fs::read(path).map_err(|source| ArtifactError::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// The file's digest.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Its tensors by name.
    ///
    /// Errors: [`ArtifactError::Safetensors`].
    pub(crate) fn tensors(&self) -> Result<StoredTensors<'_>, ArtifactError> {
        let tensors = SafeTensors::deserialize(&self.bytes)
            .map_err(|source| ArtifactError::Safetensors { path: self.path.clone(), source })?;
        let anchor = tensors.names().into_iter().find_map(|name| name.strip_suffix(ANCHOR));
        let prefix = anchor.unwrap_or_default().to_owned();
        Ok(StoredTensors { path: &self.path, tensors, prefix })
    }
}

/// The tensors of a [`WeightFile`].
pub(crate) struct StoredTensors<'f> {
    path: &'f Path,
    tensors: SafeTensors<'f>,
    /// What this file's encoder tensors begin with.
    prefix: String,
}

/// The tensor that every family has under this name, behind whatever prefix.
const ANCHOR: &str = "embeddings.word_embeddings.weight";

impl<'f> StoredTensors<'f> {
    /// Name and float32 elements of the word embedding.
    ///
    /// Errors: as [`Self::floats`].
    pub(crate) fn word_embedding(&self, encoder: &Encoder) -> Result<(String, &[u8]), ArtifactError> {
        let name = format!("{}{ANCHOR}", self.prefix);
        let part = StoredPart { name: name.clone(), shape: vec![encoder.vocabulary, encoder.embedding] };
        Ok((name, self.floats(&part, "")?))
    }

    /// Every float32 tensor of the file; those of other types serve no encoder.
    pub(crate) fn all(&self) -> Checkpoint<'f> {
        let floats = self.tensors.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
        floats.map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), view.data().into()))).collect()
    }

    /// The little-endian float32 elements of a tensor, found under its full name or with the file's prefix in place of
    /// the family's (none in a bare encoder's file), with today's endings or those of the first BERT releases (`gamma`,
    /// `beta`).
    ///
    /// Errors: [`ArtifactError::MissingTensor`], [`ArtifactError::WrongTensor`].
    pub(crate) fn floats(&self, part: &StoredPart, prefix: &str) -> Result<&[u8], ArtifactError> {
        let bare = part.name.strip_prefix(prefix).map(|bare| format!("{}{bare}", self.prefix));
        let names = [Some(&part.name), bare.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|name| [name.to_owned(), early_name(name)]);
        let Some(tensor) = names.into_iter().find_map(|name| self.tensors.tensor(&name).ok()) else {
            return Err(ArtifactError::MissingTensor { path: self.path.to_owned(), name: part.name.clone() });
        };
        if tensor.dtype() == Dtype::F32 && tensor.shape() == part.shape {
            return Ok(tensor.data());
        }
        Err(ArtifactError::WrongTensor {
            path: self.path.to_owned(),
            name: part.name.clone(),
            found: format!("{:?} of shape {:?}", tensor.dtype(), tensor.shape()),
            shape: part.shape.clone(),
        })
    }
}

fn early_name(name: &str) -> String {
    match name.rsplit_once("LayerNorm.") {
        Some((stem, "weight")) => format!("{stem}LayerNorm.gamma"),
        Some((stem, "bias")) => format!("{stem}LayerNorm.beta"),
        _ => name.to_owned(),
    }
}

/// A checkpoint's weights: for each stored part its little-endian float32 elements.
pub(crate) type Checkpoint<'d> = BTreeMap<String, (Vec<usize>, std::borrow::Cow<'d, [u8]>)>;

/// The bytes of a safetensors file that Hugging Face's loader takes.
///
/// Errors: [`ArtifactError::Safetensors`].
pub(crate) fn encode_checkpoint(checkpoint: &Checkpoint<'_>, path: &Path) -> Result<Vec<u8>, ArtifactError> {
    let failed = |source| ArtifactError::Safetensors { path: path.to_owned(), source };
    let views = checkpoint
        .iter()
        .map(|(name, (shape, bytes))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(failed)
}

/// Little-endian float32 draws from N(0, `deviation`²): draw `i` depends on the seed and `i` alone.
///
/// Source: Box and Muller 1958 on the outputs of `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) fn normal_draws(count: usize, deviation: f64, seed: u64) -> Vec<u8> {
    let draw = |index: u64| {
        let radius = (-2.0 * (1.0 - uniform(seed, 2 * index)).ln()).sqrt();
        (deviation * radius * (TAU * uniform(seed, 2 * index + 1)).cos()) as f32
    };
    (0..count as u64).flat_map(|index| draw(index).to_le_bytes()).collect()
}

/// A number in `[0, 1)` of 53 random bits.
fn uniform(seed: u64, counter: u64) -> f64 {
    let mut bits = seed.wrapping_add((counter + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
