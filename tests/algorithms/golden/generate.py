"""Golden losses and gradients from an independent implementation in PyTorch (double precision).

    python3 tests/algorithms/golden/generate.py > tests/algorithms/golden/losses.json

Random inputs are made here and stored beside the results, so that the test needs no Python. The inputs are a
policy's logits, hidden states and an embedding; the value heads are those of src/model/Heads.ts.
"""
import json
import torch
import torch.nn.functional as F

torch.manual_seed(20260523)
torch.set_default_dtype(torch.float64)
N, V, D, K = 10, 11, 6, 4


def f32(x):
    """Rounded to float32, as the test will read it."""
    return x.float().double()


hidden = f32(torch.randn(N, D))
embedding = f32(torch.randn(V, D))
actions = torch.randint(0, V, (N,))
# Three programs: rows 0-3 pass, 4-6 fail, 7-8 pass; row 9 only fills the shape.
lengths, rewards = [4, 3, 2], [1.0, 0.0, 1.0]
returns = torch.tensor([r for n, r in zip(lengths, rewards) for _ in range(n)] + [0.0])
real = torch.tensor([1.0] * 9 + [0.0])
weight = real / 9
passing = real * returns
passing = passing / passing.sum()
next_row, non_terminal, at = list(range(N)), [0.0] * N, 0
for n in lengths:
    for i in range(n):
        if i < n - 1:
            next_row[at + i] = at + i + 1
            non_terminal[at + i] = 1.0
    at += n
next_row, non_terminal = torch.tensor(next_row), torch.tensor(non_terminal)

names = ["q1", "q2", "target.q1", "target.q2"]
heads = {}
for name in names:
    heads[f"heads.{name}.W"] = f32(0.4 * torch.randn(D, D))
    heads[f"heads.{name}.w"] = f32(0.4 * torch.randn(D, 1))
    heads[f"heads.{name}.b"] = f32(torch.randn(1))
heads["heads.v.w"] = f32(0.4 * torch.randn(D, 1))
heads["heads.v.b"] = f32(torch.randn(1))
trained = [n for n in heads if "target" not in n]


def q_logits(p, name):
    h = hidden @ p[f"heads.{name}.W"]
    return h @ embedding.T + hidden @ p[f"heads.{name}.w"] + p[f"heads.{name}.b"]


def mean(w, x):
    return (w * x).sum()


def cql(p, alpha, temperature, k, on, backup, tau):
    logits = hidden @ embedding.T  # a tied output matrix
    top = torch.topk(logits, k).indices
    q = [q_logits(p, "q1"), q_logits(p, "q2")]
    target_min = torch.minimum(q_logits(p, "target.q1"), q_logits(p, "target.q2")).sigmoid().detach()
    rows = torch.arange(N)
    target_data = target_min[rows, actions]
    v = (hidden @ p["heads.v.w"] + p["heads.v.b"]).squeeze(1)
    if backup == "monte-carlo":
        y = returns
    else:
        after = {
            "sarsa": target_data,
            "expectile": v.sigmoid().detach(),
            "restricted-max": target_min.gather(1, top).max(1).values,
        }[backup][next_row]
        y = non_terminal * after + (1 - non_terminal) * returns
    td = cql_diff = 0.0
    where = passing if on == "passing" else weight
    for logit in q:
        td = td + mean(weight, F.binary_cross_entropy_with_logits(logit[rows, actions], y, reduction="none"))
        value = logit.sigmoid()
        diff = []
        for t in range(N):
            among = sorted(set(top[t].tolist()) | {actions[t].item()})
            q_among = value[t, torch.tensor(among)]
            diff.append(
                temperature * torch.logsumexp(q_among / temperature, 0)
                - temperature * torch.log(torch.tensor(float(len(among))))
                - value[t, actions[t]]
            )
        cql_diff = cql_diff + mean(where, torch.stack(diff))
    if backup == "monte-carlo":
        v_each = F.binary_cross_entropy_with_logits(v, returns, reduction="none")
    else:
        v_each = F.binary_cross_entropy_with_logits(v, target_data, reduction="none")
        if backup == "expectile":
            below = (target_data < v.sigmoid().detach()).double()
            v_each = (tau - below).abs() * v_each
    v_loss = mean(weight, v_each)
    total = td + alpha * cql_diff + v_loss
    q_data = torch.minimum(q[0], q[1]).sigmoid()[rows, actions]
    log_p = torch.log_softmax(logits.gather(1, top), 1)
    return total, {
        "td": td,
        "cql_diff": cql_diff,
        "v_loss": v_loss,
        "q_data": mean(weight, q_data),
        "q_data_passing": mean(passing, q_data),
        "q_minus_return": mean(weight, q_data - returns),
        "q_twin_gap": mean(weight, (q[0].sigmoid() - q[1].sigmoid())[rows, actions].abs()),
        "v": mean(weight, v.sigmoid()),
        "entropy": mean(weight, -(log_p.exp() * log_p).sum(1)),
    }


def sft(p):
    logits = p["hidden"] @ embedding.T
    total = mean(weight, F.cross_entropy(logits, actions, reduction="none"))
    hit = (logits.argmax(1) == actions).double()
    return total, {"ce": total, "accuracy": mean(weight, hit)}


def case(name, config, loss, parameters):
    p = {n: x.clone().requires_grad_(True) for n, x in parameters.items()}
    total, parts = loss(p)
    total.backward()
    return {
        "algorithm": name,
        "config": config,
        "total": total.item(),
        "parts": {n: x.item() for n, x in parts.items()},
        "gradients": {
            n: p[n].grad.flatten().tolist() for n in p if ("target" not in n and p[n].grad is not None)
        },
    }


cases = [case("sft", {}, sft, {"hidden": hidden})]
for backup in ["monte-carlo", "sarsa", "expectile", "restricted-max"]:
    for on, alpha, temperature, k in [("passing", 1.0, 1.0, K), ("all", 0.3, 0.25, K), ("all", 0.5, 0.5, V)]:
        config = {
            "alpha": alpha,
            "temperature": temperature,
            "candidates": k,
            "conservativeOn": on,
            "backup": backup,
            "expectile": 0.8,
        }
        run = lambda p, c=(alpha, temperature, k, on, backup, 0.8): cql(p, *c)
        cases.append(case("cql", config, run, heads))

flat = lambda x: x.flatten().tolist()
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "sizes": {"rows": N, "vocabulary": V, "width": D},
            "inputs": {
                "hidden": flat(hidden),
                "embedding": flat(embedding),
                "action": flat(actions),
                "weight": flat(weight),
                "passingWeight": flat(passing),
                "return": flat(returns),
                "nonTerminal": flat(non_terminal),
                "next": flat(next_row),
                "heads": {n: flat(x) for n, x in heads.items()},
            },
            "cases": cases,
        },
        indent=1,
    )
)
