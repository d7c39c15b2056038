"""Blocks of every supported GGUF type and what the gguf package makes of them: python gguf-blocks.py > gguf-blocks.json

Bytes are random, but for the scales, which are made small and finite. Both are base64; values are float32.
Made with gguf 0.17.1 and numpy.
"""

import base64
import json

import numpy as np
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

# Byte positions of the half-precision numbers in a block.
HALVES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}


def main():
    random = np.random.default_rng(1)
    out = {}
    for name in ["F32", "F16", "BF16", *HALVES]:
        kind = GGMLQuantizationType[name]
        values, size = GGML_QUANT_SIZES[kind]
        blocks = 3 if values > 1 else 64
        numbers = random.standard_normal(blocks * 2).astype(np.float32)
        if name == "F32":
            raw = numbers[:blocks].tobytes()
        elif name == "F16":
            raw = numbers[:blocks].astype(np.float16).tobytes()
        elif name == "BF16":
            raw = (numbers[:blocks].view(np.uint32) >> 16).astype(np.uint16).tobytes()
        else:
            rows = random.integers(0, 256, (blocks, size), dtype=np.uint8)
            for at in HALVES[name]:
                scales = (random.standard_normal(blocks) / 8).astype(np.float16)
                rows[:, at : at + 2] = scales.view(np.uint8).reshape(blocks, 2)
            raw = rows.tobytes()
        result = dequantize(np.frombuffer(raw, dtype=np.uint8), kind).astype(np.float32)
        assert result.size == blocks * values and np.isfinite(result).all(), name
        out[name] = {
            "bytes": base64.b64encode(raw).decode(),
            "values": base64.b64encode(result.tobytes()).decode(),
        }
    print(json.dumps(out, indent=1))


main()
