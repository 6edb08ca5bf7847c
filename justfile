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

# Run the tests: cargo test --workspace, with ORT_DYLIB_PATH and CLINSYNTH_ENCODER set to what `clinsynth setup` prints
test *ARGS:
    @"{{ just_executable() }}" with-models cargo test --workspace "$@"

# Run the slow tests too: real downloads, Python readers, a llama.cpp server, a LiteLLM proxy, headless Chromium (tests/reference/README.md)
test-all: reference
    #!/usr/bin/env bash
    set -euo pipefail
    export CLINSYNTH_PYTHON="$PWD/target/reference/bin/python"
    coproc llama { exec "$CLINSYNTH_PYTHON" tests/reference/llama_server.py; }
    trap 'kill "$llama_PID"' EXIT
    read -r -u "${llama[0]}" url
    export "$url"
    # Bash has one coprocess at a time; the proxy's packages do not fit with the readers', so it has an environment of its own.
    exec {litellm}< <(exec target/reference-litellm/bin/python tests/reference/litellm_proxy.py)
    trap 'kill "$llama_PID" "$litellm_PID"' EXIT
    litellm_PID=$!
    read -r -u "$litellm" url
    export "$url"
    "{{ just_executable() }}" test -- --include-ignored

# Make the Python environment that test-all compares with
reference:
    test -x target/reference/bin/python || python3 -m venv target/reference
    target/reference/bin/python -m pip install --quiet -r tests/reference/requirements.txt -r tests/reference/requirements-llama.txt
    target/reference/bin/python -m pip install --quiet --no-deps -r tests/reference/requirements-axe.txt
    test -x target/reference-litellm/bin/python || python3 -m venv target/reference-litellm
    target/reference-litellm/bin/python -m pip install --quiet -r tests/reference/requirements-litellm.txt

# Check format and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Run one benchmark: `just bench encode` is cargo bench --workspace --bench encode, with the variables of `test`
bench NAME *ARGS:
    @"{{ just_executable() }}" with-models cargo bench --workspace --bench "$@"

# Write schemas/ anew after a change of a table or of the pipeline file
schemas:
    UPDATE_SCHEMAS=1 cargo test -p clinsynth-dag --test dag

# One build serves `clinsynth setup` and the tests: built alone, the command would get dependencies with fewer features.
[private]
with-models *COMMAND:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --workspace --bins --tests
    places="$("${CARGO_TARGET_DIR:-target}/debug/clinsynth" setup)"
    export ORT_DYLIB_PATH="$(sed -n 's/^ONNX Runtime *//p' <<<"$places")"
    export CLINSYNTH_ENCODER="$(sed -n 's/^encoder *//p' <<<"$places")"
    "$@"

# Build the documentation of every crate
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
