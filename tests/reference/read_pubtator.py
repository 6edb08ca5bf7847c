"""Read a PubTator file as a careful Python script does, every offset checked: the corpora benchmark's peer.

    just bench corpora -- --python PYTHON

Needs no package. Prints one JSON object: seconds, peak memory, and what was read.
"""

import json
import resource
import shutil
import sys
import time


def documents(path):
    """Yield (id, text, mentions, relations), one document at a time."""
    identifier, title, body, mentions, relations = None, "", "", [], []
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            line = line.rstrip("\r\n")
            if not line:
                continue
            head = line[:40]
            if "|t|" in head:
                if identifier is not None:
                    yield identifier, f"{title} {body}" if body else title, mentions, relations
                identifier, title = line.split("|t|", 1)
                body, mentions, relations = "", [], []
            elif "|a|" in head:
                body = line.split("|a|", 1)[1]
            else:
                columns = line.split("\t")
                if columns[1].isdigit():
                    concept = columns[5] if len(columns) > 5 else None
                    mentions.append((int(columns[1]), int(columns[2]), columns[3], columns[4], concept))
                else:
                    relations.append((columns[1], columns[2], columns[3]))
    if identifier is not None:
        yield identifier, f"{title} {body}" if body else title, mentions, relations


def main():
    path = sys.argv[1]
    with open(path, "rb") as file, open("/dev/null", "wb") as sink:
        shutil.copyfileobj(file, sink, 1 << 20)
    started, before = time.perf_counter(), time.process_time()
    read = found = mismatches = 0
    seen = set()
    for identifier, text, mentions, _ in documents(path):
        if identifier in seen:
            continue
        seen.add(identifier)
        read += 1
        for start, end, stated, _, _ in mentions:
            if text[start:end] == stated:
                found += 1
            else:
                mismatches += 1
    seconds, processor = time.perf_counter() - started, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    read_ones = {"documents": read, "mentions": found, "mismatches": mismatches}
    print(json.dumps({"seconds": seconds, "processor": processor, "megabytes": peak, **read_ones}))


main()
