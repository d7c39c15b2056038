"""Golden values of tiny models of each architecture, by transformers and peft in float32.

    python3 tests/model/golden/tiny-models.py

Writes tiny-models.json beside this file. Weights are a formula (tests/model/TinyLlama.ts has it too), so that
only results are stored: logits, log-probs, greedy continuations, and the gradient of every trainable tensor,
for full training and for LoRA with and without dropout (with the masks that torch drew). Arrays are float32,
little-endian, base64.
"""
import base64
import json
import pathlib

import numpy as np
import peft
import torch
import transformers

torch.manual_seed(7)
torch.set_num_threads(1)

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
BASE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "initializer_range": 0.02,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
QWEN = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rms_norm_eps": 1e-6}
CASES = {
    "Llama, tied": {"rope_theta": 100000.0},
    "Llama, untied, one wide key-value head": {
        "tie_word_embeddings": False,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 12,
    },
    "Llama with Llama 3's rotary scaling": {
        "rope_scaling": LLAMA3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    },
    "Llama with linear rotary scaling, untied": {
        "rope_scaling": {"rope_type": "linear", "factor": 4.0},
        "tie_word_embeddings": False,
    },
    "Llama with all its biases": {"attention_bias": True, "mlp_bias": True},
    "Qwen2, tied": QWEN,
    "Qwen2, untied": {**QWEN, "tie_word_embeddings": False, "rope_theta": 1000000.0},
}
LORA_CASES = ["Llama, tied", "Qwen2, untied"]
TARGETS = ["q", "k", "v", "o", "gate", "up", "down"]
RANK, ALPHA, DROPOUT = 3, 6, 0.3
rng = np.random.default_rng(11)
SEQUENCES = [rng.integers(3, 40, n).tolist() for n in (24, 9, 17)]


def formula(tensor, shape, gain):
    """1 + 0.2 u for gains, 0.3 u for the rest, with u in [-1, 1) from a hash of the tensor's and value's place."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    h = (np.uint64(tensor) * np.uint64(0x9E3779B1) + i * np.uint64(0x85EBCA77) + np.uint64(1)) & mask
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x7FEB352D)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x846CA68B)) & mask
    h ^= h >> np.uint64(16)
    u = h.astype(np.float64) / 2**32 * 2 - 1
    values = 1 + 0.2 * u if gain else 0.3 * u
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def packed(x):
    return base64.b64encode(np.ascontiguousarray(x.detach().numpy(), dtype="<f4").tobytes()).decode()


def fill(model, config):
    """Sets the formula's weights in the order of ModelConfig.tensorShapes; returns that order."""
    state = model.state_dict()
    names = ["model.embed_tokens.weight"]
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        order = [p + "input_layernorm"]
        order += [f"{p}self_attn.{t}_proj" for t in TARGETS[:4]]
        order += [p + "post_attention_layernorm"]
        order += [f"{p}mlp.{t}_proj" for t in TARGETS[4:]]
        names += [f"{n}.{kind}" for n in order for kind in ("weight", "bias") if f"{n}.{kind}" in state]
    names.append("model.norm.weight")
    if not config["tie_word_embeddings"]:
        names.append("lm_head.weight")
    tied = {"lm_head.weight"} if config["tie_word_embeddings"] else set()
    assert set(names) == set(state) - tied, set(state) ^ set(names)
    with torch.no_grad():
        for t, name in enumerate(names):
            state[name].copy_(formula(t, tuple(state[name].shape), "norm" in name))
    return names


def padded(model, side):
    """Logits of a padded batch at the real positions, sequence after sequence."""
    longest = max(map(len, SEQUENCES))
    ids, mask = [], []
    for s in SEQUENCES:
        pad = [0] * (longest - len(s))
        ids.append(pad + s if side == "left" else s + pad)
        mask.append([0] * len(pad) + [1] * len(s) if side == "left" else [1] * len(s) + [0] * len(pad))
    mask = torch.tensor(mask)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model(torch.tensor(ids), attention_mask=mask, position_ids=positions).logits
    return torch.cat([row[m.bool()] for row, m in zip(logits, mask)])


def loss_of(model, ids):
    logits = model(torch.tensor([ids])).logits[0]
    return torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]))


def lora_case(model, dropout):
    """Loss and gradients of adapters whose variables are the formula's, numbered from 1000."""
    config = peft.LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=dropout,
        target_modules=[f"{t}_proj" for t in TARGETS],
        task_type="CAUSAL_LM",
    )
    wrapped = peft.get_peft_model(model, config).train()
    parameters = dict(wrapped.named_parameters())
    modules = dict(wrapped.named_modules())
    names, masks, number = {}, [], 1000
    for layer in range(model.config.num_hidden_layers):
        for target in TARGETS:
            part = "self_attn" if target in "qkvo" else "mlp"
            name = f"model.layers.{layer}.{part}.{target}_proj"
            for side in "AB":
                parameter = parameters[f"base_model.model.{name}.lora_{side}.default.weight"]
                with torch.no_grad():
                    parameter.copy_(formula(number, tuple(parameter.shape), False))
                names[f"lora.{name}.{side}"] = parameter
                number += 1
            if dropout > 0:
                modules[f"base_model.model.{name}.lora_dropout.default"].register_forward_hook(
                    lambda _, inputs, output, at=len(masks): masks.__setitem__(at, (output != 0) & (inputs[0] != 0))
                )
                masks.append(None)
    loss = loss_of(wrapped, SEQUENCES[0])
    loss.backward()
    bits = np.concatenate([m.numpy().ravel() for m in masks]) if masks else np.zeros(0, dtype=bool)
    result = {
        "dropout": dropout,
        "loss": loss.item(),
        # In torch's layout: A [rank, in], B [out, rank].
        "gradients": {name: packed(parameter.grad) for name, parameter in names.items()},
        # A bit an element, the first in the lowest: each layer's and target's [n, in], one after the other.
        "masks": base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode(),
    }
    wrapped.unload()
    return result


cases = []
for name, change in CASES.items():
    config = {**BASE, **change}
    make = transformers.AutoConfig.for_model
    model_type = config["model_type"]
    rest = {k: v for k, v in config.items() if k not in ("model_type", "architectures")}
    build = transformers.AutoModelForCausalLM.from_config
    model = build(make(model_type, **json.loads(json.dumps(rest))), attn_implementation="eager").float()
    names = fill(model, config)
    model.train()
    loss = loss_of(model, SEQUENCES[0])
    loss.backward()
    gradients = {n: packed(p.grad) for n, p in model.named_parameters()}
    assert set(gradients) == set(names)
    model.zero_grad()
    model.eval()
    with torch.no_grad():
        alone = [model(torch.tensor([s])).logits[0] for s in SEQUENCES]
        greedy = []
        for s in SEQUENCES:
            grown = list(s)
            for _ in range(12):
                grown.append(int(model(torch.tensor([grown])).logits[0, -1].argmax()))
            greedy.append(grown[len(s) :])
    left, right = padded(model, "left"), padded(model, "right")
    assert (left - right).abs().max() < 2e-6 and (left - torch.cat(alone)).abs().max() < 2e-6
    cases.append(
        {
            "name": name,
            "config": config,
            "sequences": [
                {
                    "ids": s,
                    "logits": packed(l[-1]),
                    "logProbs": packed(torch.log_softmax(l, -1)[:-1].gather(1, torch.tensor(s[1:])[:, None])[:, 0]),
                    "greedy": g,
                }
                for s, l, g in zip(SEQUENCES, alone, greedy)
            ],
            # Of the three as one left-padded batch, [real positions, vocab_size]; right-padded ones agree to 2e-6.
            "padded": packed(left),
            "loss": loss.item(),
            "gradients": gradients,
            "lora": [lora_case(model, p) for p in (0.0, DROPOUT)] if name in LORA_CASES else [],
        }
    )

check = {f"tensor {t}": [float(x) for x in formula(t, (3,), t == 1)] for t in (0, 1, 2)}
target = pathlib.Path(__file__).with_name("tiny-models.json")
about = "By tiny-models.py, which says what these are."
versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
target.write_text(json.dumps({"about": about, "versions": versions, "check": check, "cases": cases}, indent=1) + "\n")
