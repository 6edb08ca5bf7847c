"""Ask a server for many completions with bespokelabs-curator, as a peer of the load benchmark.

    pip install -r tests/reference/requirements-load-curator.txt
    just bench load -- --curator PYTHON

Prints one JSON object: seconds, completions, and peak memory; the library does not tell how many requests it sent. Its
limits a minute are set far above what the server can serve, so that the concurrency alone binds, and its retries to five,
as elsewhere. Two things that it and its dependencies fetch from the internet when they start are taken from the copies
that litellm brings: the table of prices and the vocabulary of the tokenizer.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

LITELLM = pathlib.Path(importlib.util.find_spec("litellm").origin).parent
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["TIKTOKEN_CACHE_DIR"] = str(LITELLM / "litellm_core_utils" / "tokenizers")
os.environ["CURATOR_VIEWER"] = "0"
os.environ["TELEMETRY_ENABLED"] = "0"
os.environ["CURATOR_DISABLE_RICH_DISPLAY"] = "1"
os.environ["OPENAI_API_KEY"] = "none"

# The library draws its progress on standard output.
answer, sys.stdout = sys.stdout, sys.stderr

from bespokelabs import curator  # noqa: E402  (reads the settings above)


class Writer(curator.LLM):
    def prompt(self, row):
        return row["prompt"]

    def parse(self, row, response):
        return {"prompt": row["prompt"], "completion": response}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    arguments = parser.parse_args()
    writer = Writer(
        model_name="m",
        backend="openai",
        backend_params={
            "base_url": arguments.url,
            "max_concurrent_requests": arguments.concurrency,
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": 1_000_000_000,
            "max_retries": 5,
            "require_all_responses": False,
        },
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = writer([{"prompt": f"topic {index}"} for index in range(arguments.requests)], working_dir=folder)
        completed = sum(1 for row in getattr(rows, "dataset", rows) if row["completion"])
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "completed": completed,
                "cpu_seconds": time.process_time(),
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        ),
        file=answer,
    )


if __name__ == "__main__":
    main()
