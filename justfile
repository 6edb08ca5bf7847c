# `just` lists these recipes. Each is a thin name for the cargo line in it, which works as well without just.

set positional-arguments

[private]
default:
    @just --list --unsorted

# Run a pipeline, such as pipelines/ner.yaml: set up what is missing, build, run the steps whose inputs changed
run PIPELINE *ARGS:
    @cargo run --release -p clinsynth-cli --bin clinsynth -- run "$@"

# Bring the ONNX Runtime library and the default encoder into the user cache, and print where they are
setup:
    @cargo run -p clinsynth-cli --bin clinsynth -- setup

# Run the tests: cargo test --workspace, with the two variables that `clinsynth setup --shell` prints
test *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --workspace --bins --tests
    settings="$("${CARGO_TARGET_DIR:-target}/debug/clinsynth" setup --shell)"
    eval "$settings"
    cargo test --workspace "$@"

# Run the slow tests too: real downloads, Python readers (tests/reference/README.md), headless Chromium
test-all: reference
    CLINSYNTH_PYTHON="$PWD/target/reference/bin/python" just test -- --include-ignored

# Make the Python environment that test-all compares with
reference:
    test -x target/reference/bin/python || python3 -m venv target/reference
    target/reference/bin/python -m pip install --quiet --requirement tests/reference/requirements.txt

# Check format and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Run one benchmark: `just bench encode` is cargo bench --workspace --bench encode
bench NAME *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build -p clinsynth-cli --bin clinsynth
    settings="$("${CARGO_TARGET_DIR:-target}/debug/clinsynth" setup --shell)"
    eval "$settings"
    cargo bench --workspace --bench "$@"

# Write schemas/ anew after a change of a table or of the pipeline file
schemas:
    cargo run -p clinsynth-cli --bin clinsynth -- schemas schemas

# Build the documentation of every crate
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
