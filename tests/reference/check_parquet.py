"""Reads a clinsynth dataset with the programs its users have, and writes it again with each.

    python check_parquet.py DATASET FOLDER

Prints one JSON object on standard output: for each program the rows it sees. FOLDER/PROGRAM.parquet is the same table
as that program writes it. pyarrow and duckdb are needed; pandas and polars are used where
they are installed. Any disagreement about the footer or the page index is an AssertionError.
"""

import importlib.util
import json
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet


def check_footer(path):
    metadata = pyarrow.parquet.read_metadata(path)
    entries = {key.decode(): value.decode() for key, value in metadata.metadata.items()}
    assert int(entries["clinsynth.rows"]) == metadata.num_rows, entries
    assert len(entries["clinsynth.digest"]) == 64, entries
    json.loads(entries["clinsynth.lineage"])
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            where = f"row group {group}, column {chunk.path_in_schema}"
            assert chunk.compression == "ZSTD", where
            assert chunk.is_stats_set, where
            assert chunk.has_column_index and chunk.has_offset_index, where


def with_pyarrow(path, copy):
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table, copy)
    return table.to_pylist()


def with_duckdb(path, copy):
    rows = duckdb.sql(f"SELECT * FROM '{path}'")
    duckdb.sql(f"COPY (SELECT * FROM '{path}') TO '{copy}' (FORMAT parquet)")
    return [dict(zip(rows.columns, row)) for row in rows.fetchall()]


def with_polars(path, copy):
    import polars

    frame = polars.read_parquet(path)
    frame.write_parquet(copy)
    return frame.to_dicts()


def with_pandas(path, copy):
    import pandas

    frame = pandas.read_parquet(path, dtype_backend="pyarrow")
    frame.to_parquet(copy)
    return json.loads(frame.to_json(orient="records"))


def main(dataset, folder):
    check_footer(dataset)
    readers = {"pyarrow": with_pyarrow, "duckdb": with_duckdb, "polars": with_polars, "pandas": with_pandas}
    seen = {
        name: read(dataset, str(Path(folder) / f"{name}.parquet"))
        for name, read in readers.items()
        if importlib.util.find_spec(name)
    }
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
