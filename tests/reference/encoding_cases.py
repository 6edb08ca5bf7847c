"""Writes crates/encoding/tests/data: what Python makes of words and Hugging Face of sub-tokens.

python tests/reference/encoding_cases.py ENCODER        (needs transformers, tokenizers; ENCODER is the default encoder's folder)

- words.json: the characters of `\\w` and `\\s` of Python's `re`, as runs over all assigned characters, and random texts
  over many scripts split by the rule of `words`: `\\w+|[^\\w\\s]`, but that marks and joiners stay in the word before them.
- wordpiece.json, bytelevel.json: two small tokenizers, of BERT's and RoBERTa's kind.
- subtokens.json: ids by `tokenizer(words, is_split_into_words=True)` for those and for the default encoder.
"""
import json
import pathlib
import random
import re
import sys
import unicodedata

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

FOLDER = pathlib.Path(__file__).parents[2] / "crates/encoding/tests/data"
draw = random.Random(11)
JOINERS = "\u200c\u200d"
WORDS = re.compile(r"\w+|[^\w\s]")

SENTENCES = [
    "BRCA1-associated breast cancer (OMIM:114480) shows a 2.5-fold risk.",
    "Niemann-Pick's disease, type C; adenomatous polyposis coli tumour",
    "Na\u00efve caf\u00e9 re\u0301sume\u0301 \u0130stanbul Stra\u00dfe \ufb01brosis",
    "\u03b2-thalassaemia and \u03b1-synuclein at 37\u00b0C, \u00b15 \u00b5g/mL, \u2264 10\u207b\u00b3",
    "\u7cd6\u5c3f\u75c5\u60a3\u8005\u3002 \u7cd6 \u5c3f \u75c5",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u05e9\u05b8\u05dc\u05d5\u05b9\u05dd \u0915\u093f\u0924\u093e\u092c \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "\U0001f469\u200d\u2695\ufe0f said: \U0001f926\U0001f3fd ok \U0001f1eb\U0001f1f7",
    "a\x00b \ufffd \x07 \u200b zero\u200bwidth \u00ad soft\u00adhyphen \ufeff",
    "\u0301 alone \u0301\u0301 [MASK] <s> </s> <mask> _under_score_ \U00020000",
    "x" * 120 + " pneumonoultramicroscopicsilicovolcanoconiosis",
]
ALPHABET = [chr(code) for block in [(32, 126), (0xa0, 0x17f), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x4ff), (0x590, 0x5f4), (0x600, 0x6ff), (0x900, 0x97f),
            (0xe00, 0xe5b), (0x1100, 0x11ff), (0x200b, 0x2064), (0x20d0, 0x20f0), (0x2150, 0x218b), (0x2460, 0x24b5), (0x3040, 0x30ff), (0x4e00, 0x4e40), (0xac00, 0xac40), (0xfe00, 0xfe0f),
            (0x1d400, 0x1d440), (0x1f600, 0x1f64f)] for code in range(block[0], block[1] + 1) if unicodedata.category(chr(code)) != "Cn"]


def split(text):
    words = []
    for match in WORDS.finditer(text):
        start, end, continues, letters = match.start(), match.end(), mark_or_joiner(match.group()[0]), bool(re.match(r"\w", match.group()))
        glued = words and words[-1][1] == start and words[-1][2]
        if glued and (continues or (letters and words[-1][3])):
            words[-1] = (words[-1][0], end, True, continues)
        else:
            words.append((start, end, letters, False))
    return [(start, end) for start, end, *_ in words]


def mark_or_joiner(character):
    return unicodedata.category(character).startswith("M") or character in JOINERS


def runs(of):
    found = []
    for code in range(0x110000):
        if 0xd800 <= code < 0xe000 or unicodedata.category(chr(code)) == "Cn":
            continue
        if of(chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return found


def assigned():
    found = []
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cn", "Cs"):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def words_file():
    texts = SENTENCES + ["".join(draw.choice(ALPHABET) for _ in range(draw.randint(1, 30))) for _ in range(60)]
    return {"unicode": unicodedata.unidata_version, "assigned": assigned(), "word": runs(lambda c: re.match(r"\w", c)),
            "space": runs(lambda c: re.match(r"\s", c)), "texts": [{"text": text, "words": split(text)} for text in texts]}


def wordpiece():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + letter for letter in letters), *".,;:()-'%/+_[]",
                  "cancer", "breast", "disease", "risk", "##oma", "##osis", "tumour", "type", "\u7cd6", "\u03b2"]
    tokenizer = tokenizers.Tokenizer(models.WordPiece({token: index for index, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    return tokenizer


def bytelevel():
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([" " + sentence for sentence in SENTENCES[:3]] * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def encode(tokenizer, words):
    encoded = tokenizer(words, is_split_into_words=True, truncation=False, padding=False)
    owners = [-1 if word is None else word for word in encoded.word_ids(0)]
    return {"words": words, "ids": encoded["input_ids"], "token_words": owners}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = words_file()
    write("words.json", file)
    texts = [[text["text"][start:end] for start, end in text["words"]] for text in file["texts"]]
    wordpiece().save(str(FOLDER / "wordpiece.json"), pretty=False)
    bytelevel().save(str(FOLDER / "bytelevel.json"), pretty=False)
    prefixed = tokenizers.Tokenizer.from_file(str(FOLDER / "bytelevel.json"))
    prefixed.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    fast = {"wordpiece": PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / "wordpiece.json"), unk_token="[UNK]", pad_token="[PAD]"),
            "bytelevel": PreTrainedTokenizerFast(tokenizer_object=prefixed, unk_token="<unk>", pad_token="<pad>"),
            "encoder": AutoTokenizer.from_pretrained(sys.argv[1])}
    write("subtokens.json", {name: [encode(tokenizer, words) for words in texts[:24]] for name, tokenizer in fast.items()})


def write(name, value):
    dump = lambda part: json.dumps(part, separators=(",", ":"))
    rows = lambda part: isinstance(part, list) and isinstance(part[0], dict)
    lines = [f"{dump(key)}:" + ("[\n" + ",\n".join(map(dump, part)) + "\n]" if rows(part) else dump(part)) for key, part in value.items()]
    (FOLDER / name).write_text("{" + ",\n".join(lines) + "}\n")


main()
