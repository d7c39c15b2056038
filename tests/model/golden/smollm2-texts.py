"""Token ids of every HumanEval and MBPP text, by transformers' tokenizer of SmolLM2: a hash for each text.

    python3 tests/model/golden/smollm2-texts.py policies/smollm2-135m ../shared/data

The first argument is a policy imported from the GGUF. Writes smollm2-texts.json beside this file: for each
kind of text the first 8 hexadecimal digits of sha256 of its ids, joined by commas, one text after the other.
"""
import gzip
import hashlib
import json
import pathlib
import sys

import transformers

policy, data = sys.argv[1], pathlib.Path(sys.argv[2])
tokenizer = transformers.AutoTokenizer.from_pretrained(policy)


def lines(text):
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def hashes(texts):
    encoded = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts)
    return "".join(hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:8] for ids in encoded)


humaneval = lines(gzip.decompress((data / "humaneval/HumanEval.jsonl.gz").read_bytes()).decode())
mbpp = lines((data / "mbpp/mbpp.jsonl").read_bytes().decode())
texts = {f"humaneval {key}": [p[key] for p in humaneval] for key in ("prompt", "canonical_solution", "test")}
texts.update({f"mbpp {key}": [p[key] for p in mbpp] for key in ("text", "code")})
texts["mbpp test_list"] = ["\n".join(p["test_list"]) for p in mbpp]
result = {"by": f"transformers {transformers.__version__}", "hashes": {k: hashes(v) for k, v in texts.items()}}
pathlib.Path(__file__).with_name("smollm2-texts.json").write_text(json.dumps(result, indent=1) + "\n")
