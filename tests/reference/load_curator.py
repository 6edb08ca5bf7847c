"""Ask a server for many completions with bespokelabs-curator, as a peer of the load benchmark.

    pip install bespokelabs-curator==0.1.31
    just bench load -- --curator PYTHON

Prints one JSON object: seconds, completions, requests as far as the client knows, and peak memory. Limits a minute are
set far above what the server can serve, so that the concurrency alone binds, and the retries are five as elsewhere.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time

os.environ["CURATOR_VIEWER"] = "0"
os.environ["TELEMETRY_ENABLED"] = "0"
os.environ["CURATOR_DISABLE_RICH_DISPLAY"] = "1"
os.environ.setdefault("OPENAI_API_KEY", "none")
os.environ["CURATOR_CACHE_DIR"] = tempfile.mkdtemp()

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
    rows = writer([{"prompt": f"topic {index}"} for index in range(arguments.requests)])
    rows = getattr(rows, "dataset", rows)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "completed": sum(1 for row in rows if row["completion"]),
                "attempts": 0,
                "cpu_seconds": time.process_time(),
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        ),
        file=answer,
    )


if __name__ == "__main__":
    main()
