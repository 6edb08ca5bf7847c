use std::path::Path;

use clinsynth_contract::{Digest, Sensitivity};
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::seal::FOOTER_DIGEST;
use crate::source::Source;

const TABLE: &str = "clinsynth.table";
const VERSION: &str = "clinsynth.version";
const ROWS: &str = "clinsynth.rows";
const DIGEST: &str = "clinsynth.digest";
/// How many bytes of the file, from the first, the digest covers.
const DIGEST_BYTES: &str = "clinsynth.digest_bytes";
const SENSITIVITY: &str = "clinsynth.sensitivity";
const LINEAGE: &str = "clinsynth.lineage";
/// Entries that only our writer makes. Table and version are also in the Arrow schema, whence pyarrow copies them into
/// files of its own.
const OURS: [&str; 6] = [ROWS, DIGEST, DIGEST_BYTES, SENSITIVITY, LINEAGE, FOOTER_DIGEST];
/// How Parquet's own entry for the writing program reads in our files.
pub(crate) const PROGRAM: &str = concat!("clinsynth version ", env!("CARGO_PKG_VERSION"));

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
    /// Reads the footer of a dataset of any table, and nothing else: the rows are not checked.
    ///
    /// Errors: as [`Dataset::open`](crate::Dataset::open); a file of another program is [`StoreError::Foreign`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut source = Source::open(path)?;
        let stamp = source.stamp()?.ok_or_else(|| StoreError::Foreign { path: path.to_owned() })?;
        source.verify_footer(&stamp)?;
        Ok(stamp.info)
    }
}

/// The `clinsynth.*` entries of a footer.
#[derive(Debug)]
pub(crate) struct Stamp {
    pub(crate) info: DatasetInfo,
    pub(crate) digest_bytes: u64,
    pub(crate) footer_digest: Digest,
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
            entry(FOOTER_DIGEST, self.footer_digest.to_string()),
        ])
    }

    /// The entries read back, or `None` when another program wrote the file.
    pub(crate) fn from_entries(
        path: &Path,
        created_by: &str,
        entries: &[KeyValue],
    ) -> Result<Option<Self>, StoreError> {
        // A damaged footer may have lost its entries, and with them the program's name, which all programs give.
        let named_other = created_by.split(' ').next() != PROGRAM.split(' ').next() && !created_by.is_empty();
        if named_other && !entries.iter().any(|entry| OURS.contains(&entry.key.as_str())) {
            return Ok(None);
        }
        let entries = Entries { path, entries };
        let info = DatasetInfo {
            table: entries.text(TABLE)?.to_owned(),
            version: entries.parsed(VERSION, str::parse)?,
            digest: Digest::from_hex(entries.text(DIGEST)?),
            rows: entries.parsed(ROWS, str::parse)?,
            sensitivity: entries.parsed(SENSITIVITY, str::parse)?,
            lineage: entries.parsed(LINEAGE, serde_json::from_str)?,
            created_by: created_by.to_owned(),
        };
        let digest_bytes = entries.parsed(DIGEST_BYTES, str::parse)?;
        let footer_digest = Digest::from_hex(entries.text(FOOTER_DIGEST)?);
        Ok(Some(Self { info, digest_bytes, footer_digest }))
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
