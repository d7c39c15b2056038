"""Token ids, decoded texts and a few weights of SmolLM2-135M-Instruct, by others' libraries.

    python3 tests/model/golden/smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf policies/smollm2-135m/tokenizer.json

The second argument is the model's tokenizer.json, its own or that of a policy imported from the GGUF. Reads the texts
from smollm2.json beside this file and writes it anew. Rows of q and k, which GGUF interleaves, are put into Hugging
Face's order. Made with gguf 0.19.0 and tokenizers 0.22.2.
"""
import json
import pathlib
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import Tokenizer

HEADS, KV_HEADS = 9, 3
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.layers.": "blk.",
}


def gguf_name(name):
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name


def values_of(tensor, name):
    data = dequantize(tensor.data, tensor.tensor_type)
    heads = HEADS if "q_proj" in name else KV_HEADS if "k_proj" in name else None
    if heads is None:
        return data
    rows, columns = data.shape
    return data.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def main():
    path = pathlib.Path(__file__).with_name("smollm2.json")
    golden = json.loads(path.read_text())
    tokenizer = Tokenizer.from_file(sys.argv[2])
    for case in golden["texts"]:
        case["ids"] = tokenizer.encode(case["text"], add_special_tokens=False).ids
        case["decoded"] = tokenizer.decode(case["ids"])
    tensors = {tensor.name: tensor for tensor in GGUFReader(sys.argv[1]).tensors}
    for name, rows in golden["tensors"].items():
        data = values_of(tensors[gguf_name(name)], name)
        for row, values in rows.items():
            found = np.atleast_1d(data[int(row)])[: len(values)]
            rows[row] = [float(value) for value in found]
    path.write_text(json.dumps(golden, indent=1) + "\n")


main()
