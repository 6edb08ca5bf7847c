"""Start a real llama.cpp server with random weights on loopback, for the tests of the live backend.

    pip install -r tests/reference/requirements-llama.txt
    python tests/reference/llama_server.py [PORT]

Prints `CLINSYNTH_LLAMA_URL=http://127.0.0.1:PORT/v1` once it answers and runs until it is stopped. Key: sk-test. With the
variable set, `cargo test -p clinsynth-prompting -- --ignored llama` runs the tests against it.
"""

import os
import sys
import tempfile
import time

import tiny_gguf
import xllamacpp

SLOTS = 2


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18081
    folder = tempfile.mkdtemp(prefix="clinsynth-llama-")
    model = os.path.join(folder, "tiny.gguf")
    tiny_gguf.write(model)
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {"tiny-random"}
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.api_keys = ["sk-test"]
    # The context is divided among the slots; a prompt is about 2,500 single characters.
    settings.n_ctx = SLOTS * 8192
    settings.n_parallel = SLOTS
    settings.n_gpu_layers = 0
    settings.warmup = False
    settings.cpuparams.n_threads = 2
    settings.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(settings)
    print(f"CLINSYNTH_LLAMA_URL={server.listening_address}/v1", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
