//! Parquet datasets: contract tables on disk, with their digest, lineage and sensitivity, written atomically.
//!
//! A dataset is one zstd Parquet file that opens in pyarrow, DuckDB, Polars and pandas as it is. The same rows give
//! the same bytes, however they were cut into batches when they were appended.
//!
//! ```
//! use clinsynth_contract::{Seed, Sensitivity};
//! use clinsynth_store::{Dataset, Lineage, WriteSettings, write_rows};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("seeds.parquet");
//! let settings = WriteSettings { sensitivity: Sensitivity::Public, lineage: Lineage::default() };
//! let seeds = vec![Seed { id: "s1".into(), kind: "mention".into(), value: "asthma".into(), ..Seed::default() }];
//! let written = write_rows(&path, seeds.clone(), settings)?;
//!
//! let mut dataset = Dataset::<Seed>::open(&path)?;
//! assert_eq!(dataset.info(), &written);
//! assert_eq!(dataset.read()?, seeds);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing about steps, caches or what the columns mean.

mod dataset;
mod error;
mod info;
mod inspection;
mod json;
mod partial;
mod plain;
mod seal;
mod sink;
mod source;
mod writer;

pub use dataset::Dataset;
pub use error::{EncodeError, StoreError};
pub use info::{DatasetInfo, InputRef, Lineage};
pub use inspection::{ColumnSummary, Inspection, inspect};
pub use plain::PlainWriter;
pub use writer::{DatasetWriter, WriteSettings, write_rows};
