"""Records what scikit-learn and scipy say of random classifications, counts of documents and scores.

python statistics_cases.py > crates/metrics/tests/metrics/statistics_cases.json
Needs numpy, scikit-learn 1.6 and scipy 1.15 or newer. Documents are resampled with the crate's own draws, so that values
are equal and not merely close; what is made of the resamples is scipy's.
"""

import json
import random
import warnings
from types import SimpleNamespace

import numpy as np
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, matthews_corrcoef, precision_recall_fscore_support

warnings.filterwarnings("ignore")
draw = random.Random(20230411)
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(counter):
    """splitmix64, as in the crate."""
    z = (counter + GOLDEN) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def bits(seed, counter):
    return mix((mix(seed) + counter * GOLDEN) & MASK)


def figures(gold, predicted, classes, positive):
    rows = {}
    values = precision_recall_fscore_support(gold, predicted, labels=classes, zero_division=0)
    for index, name in enumerate(classes):
        rows[name] = [float(column[index]) for column in values[:3]]
    micro = precision_recall_fscore_support(gold, predicted, labels=positive, average="micro", zero_division=0)
    rows["micro avg"] = [float(value) for value in micro[:3]]
    occurring = sorted(set(gold) | set(predicted))
    macro = precision_recall_fscore_support(gold, predicted, labels=occurring, average="macro", zero_division=0)
    rows["macro avg"] = [float(value) for value in macro[:3]]
    rows["all"] = [float(accuracy_score(gold, predicted)), float(matthews_corrcoef(gold, predicted))]
    return rows


def relation_case(index):
    positive = [["yes"], ["positive", "negative"], ["A", "B", "C", "D"]][index % 3]
    classes = [*positive, "none"]
    number = draw.choice([1, 2, 5, 20, 60])
    skew = [draw.random() + 0.05 for _ in classes]
    gold = draw.choices(classes, skew, k=number)
    hit = draw.choice([0.0, 0.4, 0.8, 1.0])
    predicted = [label if draw.random() < hit else draw.choice(classes) for label in gold]
    counts = [gold.count(label) for label in positive]
    case = {"labels": positive, "gold": gold, "predicted": predicted, "scores": figures(gold, predicted, classes, positive)}
    if max(counts):
        always = positive[counts.index(max(counts))]
        case["always"] = always
        case["baseline"] = figures(gold, [always] * number, classes, positive)
    return case


def calibration_case(number):
    scores = np.array([draw.random() ** 0.5 for _ in range(number)], dtype=np.float32)
    correct = np.array([draw.random() < score * 0.9 for score in scores])
    if number > 1:
        correct[0], correct[1] = True, False
    shares, confidences = calibration_curve(correct, scores.astype(np.float64), n_bins=10, strategy="uniform")
    places = np.clip(np.ceil(scores.astype(np.float64) * 10) - 1, 0, 9).astype(int)
    counts = np.bincount(places, minlength=10)
    sizes = counts[counts > 0]
    error = float(np.sum(np.abs(shares - confidences) * sizes) / number)
    return {"scores": [float(score) for score in scores], "correct": [bool(value) for value in correct], "ece": error,
            "shares": shares.tolist(), "confidences": confidences.tolist()}


def f1(support, predicted, correct):
    """Of sums; the last axis is what is summed over. The crate's order of operations, so that ties are ties."""
    support, predicted, correct = (np.sum(side, axis=-1) for side in (support, predicted, correct))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = correct / predicted, correct / support
        return np.where(correct == 0, 0.0, 2.0 * precision * recall / (precision + recall))


def resamples(documents, samples, seed):
    counters = range(documents * samples)
    return np.array([bits(seed, counter) * documents >> 64 for counter in counters]).reshape(samples, documents)


def mean_f1(support, runs, chosen):
    return np.mean([f1(support[chosen], run[0][chosen], run[1][chosen]) for run in runs], axis=0)


def interval(statistic, documents, distribution, level, method):
    """scipy's interval from our resamples."""
    result = stats.bootstrap((np.arange(documents),), lambda chosen, axis=-1: statistic(np.moveaxis(chosen, axis, -1)),
                             n_resamples=0, bootstrap_result=SimpleNamespace(bootstrap_distribution=distribution),
                             confidence_level=level, method=method, vectorized=True)
    return [float(result.confidence_interval.low), float(result.confidence_interval.high)]


def swapped_p(support, one, other, samples, seed):
    """Every swap by scipy when there are few, random ones with the crate's draws otherwise."""
    documents = len(support)
    stacked = [(np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])) for a, b in zip(one, other)]
    twice = np.concatenate([support, support])
    difference = lambda first, second: float(mean_f1(twice, stacked, first) - mean_f1(twice, stacked, second))
    first, second = np.arange(documents), np.arange(documents) + documents
    differing = [d for d in range(documents) if any((a[0][d], a[1][d]) != (b[0][d], b[1][d]) for a, b in zip(one, other))]
    if 2 ** len(differing) <= samples:
        assert len(differing) == documents or 2 ** documents <= 5000
        test = stats.permutation_test((first, second), difference, permutation_type="samples", n_resamples=np.inf,
                                      vectorized=False)
        return float(test.pvalue)
    observed, far, words = abs(difference(first, second)), 0, -(-len(differing) // 64)
    for sample in range(samples):
        a, b = first.copy(), second.copy()
        for place, document in enumerate(differing):
            if bits(seed, sample * words + place // 64) >> (place % 64) & 1:
                a[document], b[document] = b[document], a[document]
        far += abs(difference(a, b)) >= observed - 1e-12
    return (far + 1) / (samples + 1)


def holm(values):
    order = np.argsort(values, kind="stable")
    adjusted, least = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = least
    return adjusted


def system_case(documents, run_numbers, samples, seed, level, method, spread):
    support = np.array([draw.randint(1, 5) for _ in range(documents)])
    systems = []
    for place, number in enumerate(run_numbers):
        skill = 0.75 - spread * place
        runs = []
        for _ in range(number):
            correct = np.array([sum(draw.random() < skill for _ in range(size)) for size in support])
            predicted = correct + np.array([sum(draw.random() < 1 - skill for _ in range(size)) for size in support])
            runs.append((predicted, correct))
        systems.append({"name": f"s{place}", "runs": runs})
    whole = np.arange(documents)
    chosen = resamples(documents, samples, seed)
    for system in systems:
        values = [float(f1(support, *run)) for run in system["runs"]]
        system["value"] = float(np.mean(values))
        if len(values) > 1:
            system["sd"] = float(np.std(values, ddof=1))
            ends = stats.t.interval(level, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        else:
            statistic = lambda picked: mean_f1(support, system["runs"], picked)
            ends = interval(statistic, documents, statistic(chosen), level, method)
        system["low"], system["high"] = float(ends[0]), float(ends[1])
    systems.sort(key=lambda system: -system["value"])
    pairs = []
    for index, one in enumerate(systems):
        for other in systems[index + 1:]:
            statistic = lambda picked: mean_f1(support, one["runs"], picked) - mean_f1(support, other["runs"], picked)
            observed, distribution = float(statistic(whole)), statistic(chosen)
            far = int(np.sum(np.abs(distribution - observed) >= abs(observed) - 1e-12))
            low, high = interval(statistic, documents, distribution, level, method)
            equal = len(one["runs"]) == len(other["runs"])
            pairs.append({"system": one["name"], "other": other["name"], "difference": observed, "low": low, "high": high,
                          "p_bootstrap": (far + 1) / (samples + 1),
                          "p_randomisation": swapped_p(support, one["runs"], other["runs"], samples, seed) if equal else None})
    for name in ("p_bootstrap", "p_randomisation"):
        tested = [pair for pair in pairs if pair[name] is not None]
        for pair, adjusted in zip(tested, holm([pair[name] for pair in tested])):
            pair[f"{name}_holm"] = adjusted
    for system in systems:
        system["runs"] = [[predicted.tolist(), correct.tolist()] for predicted, correct in system["runs"]]
    return {"support": support.tolist(), "samples": samples, "seed": seed, "level": level, "method": method.lower(),
            "systems": systems, "pairs": pairs}


cases = {
    "relations": [relation_case(index) for index in range(45)],
    "calibration": [calibration_case(number) for number in (2, 7, 40, 300)],
    "systems": [
        system_case(10, [1, 1], 1024, 0, 0.95, "percentile", 0.1),
        system_case(9, [1, 1, 1], 600, 5, 0.9, "BCa", 0.1),
        system_case(40, [1, 1, 1], 300, 1, 0.95, "BCa", 0.05),
        system_case(40, [3, 3, 2], 300, 2, 0.95, "percentile", 0.04),
        system_case(70, [5, 5], 200, 3, 0.99, "BCa", 0.03),
    ],
}
print("{")
for place, (name, group) in enumerate(cases.items()):
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in group)
    print(f'"{name}": [\n{rows}\n]' + ("," if place < len(cases) - 1 else ""))
print("}")
