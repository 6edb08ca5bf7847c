"""Records what seqeval says of random tag sequences, malformed ones included.

python seqeval_cases.py > crates/metrics/tests/metrics/seqeval_cases.json
Needs seqeval 1.2.2. Each case: mode, gold, predicted, and precision, recall, F1 and support by label and for both averages.
"""

import json
import random
import warnings

from seqeval.metrics.sequence_labeling import get_entities
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient
from seqeval.metrics.v1 import precision_recall_fscore_support as strict
from seqeval.scheme import IOB2, Entities

warnings.filterwarnings("ignore")
draw = random.Random(20230308)


def sequence(prefixes, labels, length):
    tags = [draw.choice(prefixes) for _ in range(length)]
    return [tag if tag == "O" else f"{tag}-{draw.choice(labels)}" if labels != [""] else tag for tag in tags]


def disturb(tags, prefixes, labels, rate):
    """A prediction: mostly the gold tags, so that some mentions are found."""
    return [sequence(prefixes, labels, 1)[0] if draw.random() < rate else tag for tag in tags]


def record(mode, gold, predicted):
    score = (lambda average: lenient(gold, predicted, average=average, zero_division=0)) if mode == "lenient" else (
        lambda average: strict(gold, predicted, average=average, scheme=IOB2, zero_division=0))
    if mode == "lenient":
        names = sorted({name for side in (gold, predicted) for name, *_ in get_entities(side)})
    else:
        names = sorted(Entities(gold, IOB2).unique_tags | Entities(predicted, IOB2).unique_tags)
    rows = {}
    if names:
        precision, recall, f1, support = score(None)
        rows = {name: [float(precision[i]), float(recall[i]), float(f1[i]), int(support[i])] for i, name in enumerate(names)}
        for average in ("micro", "macro"):
            precision, recall, f1, support = score(average)
            rows[f"{average} avg"] = [float(precision), float(recall), float(f1), int(support)]
    return {"mode": mode, "gold": gold, "predicted": predicted, "scores": rows}


cases = []
for index in range(120):
    mode = "strict" if index % 3 == 2 else "lenient"
    prefixes = list("OOBI") if mode == "strict" or index % 3 == 0 else list("OBIES")
    labels = [["A"], ["A", "B"], ["A", "B", "A-B"], [""]][index % 4]
    gold = [sequence(prefixes, labels, draw.randint(1, 9)) for _ in range(draw.randint(1, 3))]
    rate = draw.choice([0.0, 0.2, 0.5, 1.0])
    cases.append(record(mode, gold, [disturb(tags, prefixes, labels, rate) for tags in gold]))
print("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]")
