"""Write a tiny Llama model in GGUF with random weights: a real model file for server tests, with nothing to download.

    pip install -r tests/reference/requirements-llama.txt
    python tests/reference/tiny_gguf.py OUT.gguf

Half a megabyte; two layers of width 64; a vocabulary of single bytes, printable ASCII and a few longer characters. The
weights follow from a fixed seed, so the file is the same each time.

Raw bytes are kept unlikely: a model that strings them together at random writes invalid UTF-8, and the server then answers
with status 500 ("does not match the expected peg-native format").
"""

import sys

import gguf
import numpy as np

WIDTH, INNER, HEADS, LAYERS, CONTEXT = 64, 128, 4, 2, 16384
SPECIAL = ["<unk>", "<s>", "</s>"]
PIECES = ["\u2581"] + [chr(code) for code in range(33, 127)] + list("éßβµ–漢🧬")


def vocabulary():
    """Tokens, their types and scores. Bytes score so low that a printable piece is always preferred."""
    kinds = gguf.TokenType
    rows = [(SPECIAL[0], kinds.UNKNOWN, 0.0), (SPECIAL[1], kinds.CONTROL, 0.0), (SPECIAL[2], kinds.CONTROL, 0.0)]
    rows += [(f"<0x{byte:02X}>", kinds.BYTE, -1000.0) for byte in range(256)]
    rows += [(piece, kinds.NORMAL, -float(index)) for index, piece in enumerate(PIECES)]
    tokens, types, scores = zip(*rows)
    return [token.encode() for token in tokens], list(types), list(scores)


def tensors(rng, size):
    """Names and values of all weights: normal with deviation 0.05, norms 1."""

    def normal(*shape):
        return rng.normal(0, 0.05, shape).astype(np.float32)

    norm = np.ones(WIDTH, np.float32)
    embedding, output = normal(size, WIDTH), normal(size, WIDTH)
    # The first component is large in every state, and the output counts it against the byte tokens.
    embedding[:, 0] = 4
    output[:, 0] = 0
    output[len(SPECIAL) : len(SPECIAL) + 256, 0] = -4
    yield "token_embd.weight", embedding
    yield "output_norm.weight", norm
    yield "output.weight", output
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", norm
        yield block + "ffn_norm.weight", norm
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{block}{part}.weight", normal(WIDTH, WIDTH)
        yield block + "ffn_gate.weight", normal(INNER, WIDTH)
        yield block + "ffn_up.weight", normal(INNER, WIDTH)
        yield block + "ffn_down.weight", normal(WIDTH, INNER)


def write(path):
    tokens, types, scores = vocabulary()
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny-random")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(tokens))
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("llama")
    out.add_tokenizer_pre("default")
    out.add_token_list(tokens)
    out.add_token_types(types)
    out.add_token_scores(scores)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)
    out.add_add_bos_token(True)
    out.add_add_eos_token(False)
    out.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: ")
    for name, values in tensors(np.random.default_rng(0), len(tokens)):
        out.add_tensor(name, values)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    write(sys.argv[1])
