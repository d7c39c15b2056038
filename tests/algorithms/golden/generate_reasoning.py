"""SFT's loss with reasoning tokens in and out, from an independent implementation in PyTorch (double precision).

    python3 tests/algorithms/golden/generate_reasoning.py > tests/algorithms/golden/reasoning.json

Episodes are token ids of which the first of a program's are reasoning; the policy's hidden state before each
action and its embedding are random. The test lays the episodes out by src/replay/Batch.ts.
"""
import json
import torch
import torch.nn.functional as F

torch.manual_seed(20260524)
torch.set_default_dtype(torch.float64)
V, D = 9, 5
episodes = [
    {"prompt": 3, "reasoning": 4, "actions": 7},
    {"prompt": 1, "reasoning": 0, "actions": 3},
    {"prompt": 2, "reasoning": 1, "actions": 2},
    {"prompt": 2, "reasoning": 5, "actions": 6},
]
for e in episodes:
    e["tokens"] = torch.randint(0, V, (e["prompt"] + e["actions"],)).tolist()
N = sum(e["actions"] for e in episodes)
hidden = torch.randn(N, D).float().double()
embedding = torch.randn(V, D).float().double()
rows = [(token, i < e["reasoning"]) for e in episodes for i, token in enumerate(e["tokens"][e["prompt"] :])]
action = torch.tensor([token for token, _ in rows])

cases = []
for reasoning in ["train", "context"]:
    h = hidden.clone().requires_grad_()
    logits = h @ embedding.T
    kept = torch.tensor([reasoning == "train" or not is_reasoning for _, is_reasoning in rows])
    loss = F.cross_entropy(logits[kept], action[kept])
    loss.backward()
    accuracy = (logits[kept].argmax(1) == action[kept]).double().mean()
    cases.append(
        {
            "reasoning": reasoning,
            "loss": loss.item(),
            "accuracy": accuracy.item(),
            "gradient": h.grad.flatten().tolist(),
        }
    )

inputs = {"episodes": episodes, "hidden": hidden.flatten().tolist(), "embedding": embedding.flatten().tolist()}
print(json.dumps({"torch": torch.__version__.split("+")[0], "vocabulary": V, "width": D, **inputs, "cases": cases}))
