"""Writes crates/artifacts/tests/data/families.json and sequences.json: what PyTorch makes of a tiny classifier of each
family, of tokens and of sequences.

python tests/reference/families.py        (needs torch and transformers)

As bert_gradients.py, whose formula draws weights, tokens, labels and dropout masks; the file holds results only: logits and
loss without dropout, loss and gradients with it, and the shapes of the parameters, in their sorted order. Sequences are
classified by Hugging Face's head of the family, or by the states where two entities start through a head like RoBERTa's,
and learn with class weights and label smoothing.
"""
import json
import pathlib

import torch
from draws import draw, draws, drop, exact
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

FOLDER = pathlib.Path(__file__).parents[2] / "crates/artifacts/tests/data"
TAGS, BATCH, SEQUENCE = 3, 4, 7
BERT = dict(vocab_size=23, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, max_position_embeddings=9, type_vocab_size=2,
            hidden_act="gelu", hidden_dropout_prob=0.25, attention_probs_dropout_prob=0.2, layer_norm_eps=1e-5, initializer_range=0.2, pad_token_id=0)
DISTIL = dict(vocab_size=23, dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=9, activation="gelu", dropout=0.25,
              attention_dropout=0.2, initializer_range=0.2, pad_token_id=0)
CASES = [
    ("bert", {**BERT, "type_vocab_size": 1, "hidden_act": "gelu_new", "classifier_dropout": 0.125}),
    ("bert", {**BERT, "hidden_act": "relu"}),
    ("roberta", {**BERT, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": None, "eos_token_id": None}),
    ("distilbert", DISTIL),
    ("distilbert", {**DISTIL, "activation": "relu", "n_layers": 1}),
    ("electra", {**BERT, "embedding_size": 6}),
    ("electra", {**BERT, "embedding_size": 8, "hidden_act": "gelu_pytorch_tanh"}),
]


def batch(padding):
    """Streams 1000 to 1003: lengths, tokens (above the padding id), which are labelled, labels. The first sequence is full."""
    lengths = [SEQUENCE] + [1 + int(SEQUENCE * draw(1000, row)) for row in range(1, BATCH)]
    mask = (torch.arange(SEQUENCE)[None] < torch.tensor(lengths)[:, None]).long()
    ids = 1 + padding + (draws(1001, BATCH, SEQUENCE) * (23 - 1 - padding)).long()
    labels = (draws(1003, BATCH, SEQUENCE) * TAGS).long()
    labels[(draws(1002, BATCH, SEQUENCE) < 0.3) | (mask == 0)] = -100
    return dict(input_ids=torch.where(mask == 1, ids, padding), attention_mask=mask, labels=labels)


def redraw(model):
    named = sorted(model.named_parameters())
    for place, (name, parameter) in enumerate(named):
        norm = name.lower().endswith(("layernorm.weight", "layer_norm.weight"))
        parameter.data = (draws(100 + place, *parameter.shape) - 0.5) + (1.0 if norm else 0.0)
    return named


def passes(model, family, config, forward):
    """`forward(model)` gives loss and logits."""
    named = redraw(model)
    loss, logits = forward(model.eval())
    calls = []
    original, torch.nn.functional.dropout = torch.nn.functional.dropout, drop(calls)
    dropped, _ = forward(model.train())
    dropped.backward()
    torch.nn.functional.dropout = original
    return dict(config=dict(model_type=family, **config), shapes={name: list(parameter.shape) for name, parameter in named},
                loss=loss.item(), logits=exact(logits), rates=calls, dropped_loss=dropped.item(),
                gradients={name: exact(parameter.grad) for name, parameter in named})


def tokens(family, config):
    model = AutoModelForTokenClassification.from_config(AutoConfig.for_model(family, **config, num_labels=TAGS), attn_implementation="eager")
    return passes(model, family, config, lambda model: model(**batch(config["pad_token_id"])).to_tuple()[:2])


class Starts(torch.nn.Module):
    def __init__(self, family, config):
        super().__init__()
        encoder = AutoModel.from_config(AutoConfig.for_model(family, **config), attn_implementation="eager")
        if hasattr(encoder, "pooler"): encoder.pooler = None
        self.family, self.rate = family, config.get("dropout", config.get("hidden_dropout_prob"))
        self.add_module(family, encoder)
        hidden = encoder.config.hidden_size
        self.classifier = torch.nn.ModuleDict(dict(dense=torch.nn.Linear(2 * hidden, hidden), out_proj=torch.nn.Linear(hidden, TAGS)))

    def forward(self, starts, **inputs):
        states = getattr(self, self.family)(**inputs).last_hidden_state
        pair = torch.gather(states, 1, starts[:, :, None].expand(-1, -1, states.shape[-1])).flatten(1)
        dropout = lambda values: torch.nn.functional.dropout(values, self.rate, self.training)
        return self.classifier["out_proj"](dropout(torch.tanh(self.classifier["dense"](dropout(pair)))))


def sequences(family, config, by_starts, weights, smoothing):
    """Streams 1003 and 1005: labels, of which the last does not count, and places of starts within the lengths."""
    inputs = batch(config["pad_token_id"])
    labels = (draws(1003, BATCH) * TAGS).long()
    labels[-1] = -100
    starts = (draws(1005, BATCH, 2) * inputs["attention_mask"].sum(1, keepdim=True)).long()
    del inputs["labels"]
    loss = lambda logits: torch.nn.functional.cross_entropy(logits, labels, weight=torch.tensor(weights or [1.0] * TAGS), label_smoothing=smoothing)

    def forward(model):
        logits = model(starts=starts, **inputs) if by_starts else model(**inputs).logits
        return loss(logits), logits
    if by_starts: model = Starts(family, config)
    else: model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **config, num_labels=TAGS), attn_implementation="eager")
    recorded = passes(model, family, config, forward)
    return dict(**recorded, by_starts=by_starts, weights=weights, smoothing=smoothing, labels=labels.tolist(), starts=starts.flatten().tolist())


def write(name, cases):
    (FOLDER / name).write_text(json.dumps(cases, separators=(",", ":")) + "\n")


torch.set_num_threads(1)
write("families.json", [tokens(*case) for case in CASES])
bert, roberta, distilbert, electra = CASES[1], CASES[2], CASES[4], CASES[5]
write("sequences.json", [sequences(*bert, False, [0.5, 2.0, 1.25], 0.1), sequences(*roberta, False, [], 0.0), sequences(*distilbert, False, [], 0.2),
                         sequences(*electra, False, [1.0, 3.0, 0.25], 0.0), sequences(*bert, True, [0.5, 2.0, 1.25], 0.1), sequences(*distilbert, True, [], 0.0)])
