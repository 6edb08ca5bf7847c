use std::path::Path;

use clinsynth_contract::{Digest, Sensitivity};
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::source::Source;

const TABLE: &str = "clinsynth.table";
const VERSION: &str = "clinsynth.version";
const ROWS: &str = "clinsynth.rows";
const DIGEST: &str = "clinsynth.digest";
/// How many bytes of the file, from the first, the digest covers.
const DIGEST_BYTES: &str = "clinsynth.digest_bytes";
const SENSITIVITY: &str = "clinsynth.sensitivity";
const LINEAGE: &str = "clinsynth.lineage";
const CREATED_BY: &str = "clinsynth.created_by";

/// Where a dataset comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The step that made it; empty when no step did.
    pub step: String,
    /// Digest of everything that decided its content.
    pub key: Digest,
    /// What the step read.
    pub inputs: Vec<InputRef>,
}

/// One input of the step that made a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRef {
    /// The input's name in the step.
    pub name: String,
    /// Content digest of the input.
    pub digest: Digest,
}

/// What the footer of a dataset says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// The contract table.
    pub table: String,
    /// Version of the table's columns.
    pub version: u32,
    /// BLAKE3 over the file from its first byte to the end of the last row group. Equal rows of one table give equal
    /// digests; lineage and sensitivity are not part of it.
    pub digest: Digest,
    /// Rows.
    pub rows: u64,
    /// How far the rows may travel, as the writer was told.
    pub sensitivity: Sensitivity,
    /// Where it comes from.
    pub lineage: Lineage,
    /// The program that wrote it.
    pub created_by: String,
}

impl DatasetInfo {
    /// Reads the footer of a dataset of any table, and nothing else: the digest is not checked.
    ///
    /// Errors: as [`Dataset::open`](crate::Dataset::open); a file of another program is [`StoreError::Foreign`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let stamp = Source::open(path)?.stamp()?;
        stamp.map(|stamp| stamp.info).ok_or_else(|| StoreError::Foreign { path: path.to_owned() })
    }
}

/// The `clinsynth.*` entries of a footer.
#[derive(Debug)]
pub(crate) struct Stamp {
    pub(crate) info: DatasetInfo,
    pub(crate) digest_bytes: u64,
}

impl Stamp {
    /// The entries, in a fixed order.
    pub(crate) fn entries(&self) -> Result<Vec<KeyValue>, serde_json::Error> {
        let info = &self.info;
        let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
        Ok(vec![
            entry(TABLE, info.table.clone()),
            entry(VERSION, info.version.to_string()),
            entry(ROWS, info.rows.to_string()),
            entry(DIGEST, info.digest.to_string()),
            entry(DIGEST_BYTES, self.digest_bytes.to_string()),
            entry(SENSITIVITY, info.sensitivity.to_string()),
            entry(LINEAGE, serde_json::to_string(&info.lineage)?),
            entry(CREATED_BY, info.created_by.clone()),
        ])
    }

    /// The entries read back, or `None` when the file has none: another program wrote it.
    pub(crate) fn from_entries(path: &Path, entries: &[KeyValue]) -> Result<Option<Self>, StoreError> {
        let entries = Entries { path, entries };
        let Ok(table) = entries.text(TABLE) else { return Ok(None) };
        let info = DatasetInfo {
            table: table.to_owned(),
            version: entries.parsed(VERSION, str::parse)?,
            digest: Digest::from_hex(entries.text(DIGEST)?),
            rows: entries.parsed(ROWS, str::parse)?,
            sensitivity: entries.parsed(SENSITIVITY, str::parse)?,
            lineage: entries.parsed(LINEAGE, serde_json::from_str)?,
            created_by: entries.text(CREATED_BY)?.to_owned(),
        };
        Ok(Some(Self { info, digest_bytes: entries.parsed(DIGEST_BYTES, str::parse)? }))
    }
}

struct Entries<'f> {
    path: &'f Path,
    entries: &'f [KeyValue],
}

impl<'f> Entries<'f> {
    fn text(&self, key: &'static str) -> Result<&'f str, StoreError> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.and_then(|entry| entry.value.as_deref()).ok_or_else(|| self.bad(key, "missing".to_owned()))
    }

    fn parsed<T, E: std::fmt::Display>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&'f str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let text = self.text(key)?;
        parse(text).map_err(|error| self.bad(key, format!("`{text}` ({error})")))
    }

    fn bad(&self, key: &'static str, problem: String) -> StoreError {
        StoreError::BadEntry { path: self.path.to_owned(), key, problem }
    }
}
