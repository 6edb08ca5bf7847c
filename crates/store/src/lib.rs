//! Parquet datasets with digests, lineage and sensitivity, written atomically
