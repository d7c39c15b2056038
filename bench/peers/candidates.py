"""Critic training in ILQL's form (Snell et al., arXiv 2206.11871) on frozen features, for bench/candidates.ts: two Q
heads d -> vocabulary, V, target heads; expectile V, TD and CQL (cross-entropy of Q over the vocabulary) losses, AdamW,
Polyak. The target heads are read at the data token only, by their rows, which is cheaper than the original's whole
product. A round is {"steps": n}; tokens/s."""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, default=512)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(1)
rows, d, vocabulary = args.rows, 576, 49152

hidden = torch.randn(rows, d)
action = torch.randint(vocabulary, (rows,))
at = torch.arange(rows)
terminal = (at % 64 == 63).float()
following = torch.where(at % 64 == 63, at, at + 1)
reward = ((at // 64) % 2).float() * terminal
q = [torch.nn.Linear(d, vocabulary) for _ in range(2)]
target = [torch.nn.Linear(d, vocabulary) for _ in range(2)]
v = torch.nn.Linear(d, 1)
for one, other in zip(q, target):
    other.load_state_dict(one.state_dict())
    other.requires_grad_(False)
live = [p for head in [*q, v] for p in head.parameters()]
optimizer = torch.optim.AdamW(live, lr=1e-4, weight_decay=0.01, fused=True)

def step():
    logits = [head(hidden) for head in q]
    with torch.no_grad():
        data = torch.minimum(*[(hidden * head.weight[action]).sum(1) + head.bias[action] for head in target])
    value = v(hidden).squeeze(1)
    backup = (reward + (1 - terminal) * value[following]).detach()
    taken = [x.gather(1, action[:, None]).squeeze(1) for x in logits]
    td = sum(F.mse_loss(x, backup) for x in taken)
    cql = sum(F.cross_entropy(x, action) for x in logits)
    difference = data - value
    fit = (torch.where(difference > 0, 0.7, 0.3) * difference**2).mean()
    loss = td + cql + fit
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for one, other in zip(q, target):
            other.weight.lerp_(one.weight, 0.01)
            other.bias.lerp_(one.bias, 0.01)
    return loss.item()

print(json.dumps({"ready": f"torch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    steps = json.loads(line)["steps"]
    start = time.perf_counter()
    for _ in range(steps):
        step()
    print(json.dumps({"value": rows * steps / (time.perf_counter() - start)}), flush=True)
