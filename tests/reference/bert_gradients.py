"""Writes crates/artifacts/tests/data/bert.json: what PyTorch makes of a tiny BERT token classifier.

python tests/reference/bert_gradients.py        (needs torch and transformers)

Weights, tokens, labels and dropout masks follow from a formula that both sides know, `draw` below, so the file holds
results only: loss and gradients with and without dropout, logits, and a run of AdamW with clipping, weight decay groups,
a warm-up and padded batches. Dropout masks enter through torch's own `dropout` function, in the order of its calls.
"""
import json
import pathlib

import torch
from draws import draw, draws, drop, exact
from transformers import BertConfig, BertForTokenClassification

FILE = pathlib.Path(__file__).parents[2] / "crates/artifacts/tests/data/bert.json"
CONFIG = dict(vocab_size=23, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=12,
              type_vocab_size=2, hidden_dropout_prob=0.25, attention_probs_dropout_prob=0.2, layer_norm_eps=1e-5, initializer_range=0.2)
TAGS, BATCH, SEQUENCE = 3, 4, 7


def weights(model):
    """Stream 100 + place in the sorted names; layer norm scales around 1, all else around 0."""
    for place, (name, parameter) in enumerate(sorted(model.named_parameters())):
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        parameter.data = (draws(100 + place, *parameter.shape) - 0.5) + centre


def batch(number):
    """Streams 1000 + 4 * number: lengths, tokens, which are labelled, labels. The first sequence is full."""
    stream = 1000 + 4 * number
    lengths = [SEQUENCE] + [1 + int(SEQUENCE * draw(stream, row)) for row in range(1, BATCH)]
    mask = (torch.arange(SEQUENCE)[None] < torch.tensor(lengths)[:, None]).long()
    ids = (1 + (draws(stream + 1, BATCH, SEQUENCE) * (CONFIG["vocab_size"] - 1)).long()) * mask
    labels = (draws(stream + 3, BATCH, SEQUENCE) * TAGS).long()
    labels[(draws(stream + 2, BATCH, SEQUENCE) < 0.3) | (mask == 0)] = -100
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


def fresh(**changes):
    config = BertConfig(**{**CONFIG, **changes}, num_labels=TAGS, attn_implementation="eager")
    model = BertForTokenClassification(config)
    weights(model)
    return model.train()


def gradients(model):
    output = model(**batch(0))
    output.loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), float("inf"))
    return dict(loss=output.loss.item(), norm=norm.item(), logits=exact(output.logits),
                gradients={name: exact(parameter.grad) for name, parameter in sorted(model.named_parameters())})


def run(model, steps=20, rate=0.02, warm_up=5):
    """Learning rate climbs over `warm_up` steps and falls to 0; batches 0, 1, 2 in turn; biases and layer norms without decay."""
    plain = [p for n, p in model.named_parameters() if n.endswith(".bias") or "LayerNorm" in n]
    decayed = [p for n, p in model.named_parameters() if not (n.endswith(".bias") or "LayerNorm" in n)]
    optimizer = torch.optim.AdamW([dict(params=decayed, weight_decay=0.1), dict(params=plain, weight_decay=0.0)], lr=rate)
    losses, norms, rates = [], [], []
    for step in range(steps):
        now = rate * min((step + 1) / warm_up, (steps - step) / (steps - warm_up))
        for group in optimizer.param_groups: group["lr"] = now
        loss = model(**batch(step % 3)).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step(); optimizer.zero_grad()
        losses.append(loss.item()); rates.append(now)
    return dict(losses=losses, norms=norms, rates=rates,
                parameters={name: exact(parameter) for name, parameter in sorted(model.named_parameters())})


torch.set_num_threads(1)
plain = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
recorded = dict(torch=torch.__version__.split("+")[0], tags=TAGS, batch=BATCH, sequence=SEQUENCE,
                config=dict(model_type="bert", hidden_act="gelu", pad_token_id=0, **CONFIG))
recorded["plain"] = gradients(fresh(**plain))
recorded["run"] = run(fresh(**plain))
calls = []
torch.nn.functional.dropout = drop(calls)
recorded["dropped"] = gradients(fresh())
assert calls == [0.25] + [0.2, 0.25, 0.25] * CONFIG["num_hidden_layers"] + [0.25], calls
FILE.parent.mkdir(parents=True, exist_ok=True)
FILE.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")
