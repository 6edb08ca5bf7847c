"""Ask a server for many completions with the `openai` client and an asyncio pool, as the load benchmark's peer.

    pip install -r tests/reference/requirements-load.txt
    just bench load -- --python PYTHON

Prints one JSON object: seconds, completions, requests as far as the client knows, and peak memory.
"""

import argparse
import asyncio
import json
import resource
import time

import openai


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    arguments = parser.parse_args()
    client = openai.AsyncOpenAI(base_url=arguments.url, api_key="none", max_retries=5, timeout=180)
    attempts = 0
    completed = 0
    waiting = iter(range(arguments.requests))

    async def work():
        nonlocal attempts, completed
        for index in waiting:
            # The client does not repeat a request whose reply breaks off or is no JSON.
            for _ in range(5):
                attempts += 1
                try:
                    reply = await client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": f"topic {index}"}]
                    )
                    if reply.choices[0].message.content:
                        completed += 1
                        break
                except (openai.OpenAIError, json.JSONDecodeError, AttributeError, TypeError, ValueError):
                    continue

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(arguments.concurrency)))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "completed": completed,
                "attempts": attempts,
                "cpu_seconds": time.process_time(),
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


asyncio.run(main())
