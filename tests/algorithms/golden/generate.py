"""Golden losses and gradients from an independent implementation in PyTorch (double precision).

    python3 tests/algorithms/golden/generate.py > tests/algorithms/golden/losses.json

Random inputs are made here and stored beside the results, so that the test needs no Python. The inputs are a
policy's logits, hidden states and an embedding; the value heads are those of src/model/Heads.ts.
"""
import functools
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
programs = [[0, 1, 2, 3], [4, 5, 6], [7, 8]]
# The first two programs are of one problem, the third of another.
pass_rate = torch.tensor([0.4375] * 7 + [0.71875] * 2 + [0.0])
bags = [torch.tensor([2.0] * 4 + [0.0] * 3 + [1.0] * 2 + [0.0]), torch.tensor([0.0] * 4 + [1.0] * 3 + [3.0] * 2 + [0.0])]


# A third critic, and what each reads the hidden states through; drawn after all else.
third = {}
for name in ["q3", "target.q3"]:
    third[f"heads.{name}.W"] = f32(0.4 * torch.randn(D, D))
    third[f"heads.{name}.w"] = f32(0.4 * torch.randn(D, 1))
    third[f"heads.{name}.b"] = f32(torch.randn(1))
norms = {}
for name in names + ["q3", "target.q3"]:
    norms[f"heads.{name}.norm.gain"] = f32(1 + 0.3 * torch.randn(D))
    norms[f"heads.{name}.norm.bias"] = f32(0.3 * torch.randn(D))
bags.append(torch.tensor([1.0] * 4 + [2.0] * 3 + [0.0] * 3))


def q_logits(p, name):
    h = hidden
    if f"heads.{name}.norm.gain" in p:
        h = F.layer_norm(hidden, (D,), p[f"heads.{name}.norm.gain"], p[f"heads.{name}.norm.bias"])
    return h @ p[f"heads.{name}.W"] @ embedding.T + h @ p[f"heads.{name}.w"] + p[f"heads.{name}.b"]


def critics(p):
    return [name for name in ["q1", "q2", "q3"] if f"heads.{name}.b" in p]


def least(values):
    return functools.reduce(torch.minimum, values)


def least_target(p, subset=None):
    among = critics(p) if subset is None else subset
    return least([q_logits(p, f"target.{name}") for name in among]).sigmoid().detach()


def spread(values):
    stacked = torch.stack(values).sigmoid()
    return stacked.max(0).values - stacked.min(0).values


def mean(w, x):
    return (w * x).sum()


def cql(p, alpha, temperature, k, on, backup, tau, reference=None, gap=None, bagging=False, subset=None):
    logits = hidden @ embedding.T  # a tied output matrix
    top = torch.topk(logits, k).indices
    q = [q_logits(p, name) for name in critics(p)]
    target_min = least_target(p, subset)
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
            "policy": under_policy(target_min, logits, top),
        }[backup][next_row]
        y = non_terminal * after + (1 - non_terminal) * returns
    td = cql_diff = excess = bound_rate = 0.0
    where = passing if on == "passing" else weight
    for head, logit in enumerate(q):
        bag = bags[head] if bagging else torch.ones(N)
        td = td + mean(weight * bag, F.binary_cross_entropy_with_logits(logit[rows, actions], y, reduction="none"))
        value = logit.sigmoid()
        diff, low = [], []
        for t in range(N):
            among = sorted(set(top[t].tolist()) | {actions[t].item()})
            q_among = value[t, torch.tensor(among)]
            if reference is not None:
                others = torch.tensor([v != actions[t].item() for v in among])
                below = others & (q_among < reference[t])
                low.append(below.double().sum() / max(1, others.sum().item()))
                q_among = torch.where(below, reference[t], q_among)
            diff.append(
                temperature * torch.logsumexp(q_among / temperature, 0)
                - temperature * torch.log(torch.tensor(float(len(among))))
                - value[t, actions[t]]
            )
        cql_diff = cql_diff + mean(where * bag, torch.stack(diff))
        if gap is not None:
            excess = excess + mean(where * bag, torch.stack(diff) - gap)
        if reference is not None:
            bound_rate = bound_rate + mean(where, torch.stack(low)) / len(q)
    if backup == "monte-carlo":
        v_each = F.binary_cross_entropy_with_logits(v, returns, reduction="none")
    else:
        fitted = under_policy(target_min, logits, top) if backup == "policy" else target_data
        v_each = F.binary_cross_entropy_with_logits(v, fitted, reduction="none")
        if backup == "expectile":
            below = (target_data < v.sigmoid().detach()).double()
            v_each = (tau - below).abs() * v_each
    v_loss = mean(weight, v_each)
    more = {}
    if gap is None:
        total = td + alpha * cql_diff + v_loss
    else:
        # Descent on the critics, ascent on the multiplier's logarithm.
        learned = (25 * p["own.theta"]).exp().detach().sum()
        total = td + learned * cql_diff + v_loss - (p["own.theta"] * excess.detach()).sum()
        more["alpha"] = learned
    if reference is not None:
        more["bound_rate"] = bound_rate
    q_data = least(q).sigmoid()[rows, actions]
    log_p = torch.log_softmax(logits.gather(1, top), 1)
    return total, {
        "td": td,
        "cql_diff": cql_diff,
        "v_loss": v_loss,
        "q_data": mean(weight, q_data),
        "q_data_passing": mean(passing, q_data),
        "q_minus_return": mean(weight, q_data - returns),
        "q_twin_gap": mean(weight, spread(q)[rows, actions]),
        "v": mean(weight, v.sigmoid()),
        "entropy": mean(weight, -(log_p.exp() * log_p).sum(1)),
        **more,
    }


def under_policy(q, logits, top):
    """E of q [N, V] under the policy, renormalised over its top tokens."""
    return (logits.gather(1, top).softmax(1) * q.gather(1, top)).sum(1)


def iql(p, tau, bagging=False, subset=None):
    rows = torch.arange(N)
    target = least_target(p, subset)[rows, actions]
    v = (hidden @ p["heads.v.w"] + p["heads.v.b"]).squeeze(1)
    y = torch.zeros(N)
    for program in programs:
        for t in program:
            y[t] = returns[t] if t == program[-1] else v[t + 1].sigmoid().item()
    td = 0.0
    data = [q_logits(p, name)[rows, actions] for name in critics(p)]
    for head, logit in enumerate(data):
        each = F.binary_cross_entropy_with_logits(logit, y, reduction="none")
        td = td + mean(weight * (bags[head] if bagging else 1.0), each)
    # Cross-entropy without its constant is softplus(v) - target v.
    u = target - v.sigmoid().detach()
    v_loss = mean(weight, torch.where(u < 0, 1 - tau, tau) * (F.softplus(v) - target * v))
    q_data = least(data).sigmoid()
    return td + v_loss, {
        "td": td,
        "v_loss": v_loss,
        "q_data": mean(weight, q_data),
        "q_data_passing": mean(passing, q_data),
        "q_minus_return": mean(weight, q_data - returns),
        "q_twin_gap": mean(weight, spread(data)),
        "v": mean(weight, v.sigmoid()),
    }


def weighted_cloning(p, advantage, scale, clip, anchor):
    nll = F.cross_entropy(p["hidden"] @ embedding.T, actions, reduction="none")
    w = torch.exp(scale * advantage).clamp(max=clip)
    actor, ce_passing = mean(weight, w * nll), mean(passing, nll)
    return actor + anchor * ce_passing, {
        "actor": actor,
        "ce": mean(weight, nll),
        "ce_passing": ce_passing,
        "advantage": mean(weight, advantage),
        "advantage_passing": mean(passing, advantage),
        "advantage_abs": mean(weight, advantage.abs()),
        "weight": mean(weight, w),
        "weight_passing": mean(passing, w),
        "clipped": mean(weight, (torch.exp(scale * advantage) > clip).double()),
    }


def iql_policy(p, beta, clip, anchor, heads=heads):
    target = least_target(heads)[torch.arange(N), actions]
    v = (hidden @ heads["heads.v.w"] + heads["heads.v.b"]).squeeze(1).sigmoid()
    return weighted_cloning(p, target - v, beta, clip, anchor)


def awac(p, lam, k, clip, anchor, heads=heads):
    logits = hidden @ embedding.T
    q = least([q_logits(heads, name) for name in critics(heads)]).sigmoid()
    baseline = under_policy(q, logits, torch.topk(logits, k).indices)
    return weighted_cloning(p, q[torch.arange(N), actions] - baseline, 1 / lam, clip, anchor)


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
for backup in ["monte-carlo", "sarsa", "expectile", "policy", "restricted-max"]:
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

theta = {"own.theta": f32(torch.tensor([0.7]).log() / 25)}
for name, reference, on, gap, bagging, k in [
    ("cql", None, "passing", -0.125, False, K),
    ("cql", None, "all", 0.0625, True, K),
    ("cql", None, "all", None, True, V),
    ("cal-ql", "pass-rate", "passing", None, False, K),
    ("cal-ql", "pass-rate", "all", None, True, V),
    ("cal-ql", "return", "all", None, False, K),
    ("cal-ql", "pass-rate", "all", -0.125, True, K),
]:
    config = {"alpha": 0.7, "temperature": 0.5, "candidates": k, "conservativeOn": on, "bagging": bagging}
    config |= {} if gap is None else {"targetGap": gap}
    config |= {} if reference is None else {"reference": reference}
    column = {None: None, "pass-rate": pass_rate, "return": returns}[reference]
    run = lambda p, c=(0.7, 0.5, k, on, "monte-carlo", 0.7, column, gap, bagging): cql(p, *c)
    cases.append(case(name, config, run, heads if gap is None else heads | theta))
for tau, bagging in [(0.5, False), (0.9, False), (0.7, True)]:
    run = lambda p, c=(tau, bagging): iql(p, *c)
    cases.append(case("iql", {"expectile": tau, "bagging": bagging}, run, heads))
for beta, clip, anchor in [(10.0, 100.0, 1.0), (3.0, 1.5, 0.0), (20.0, 2.0, 0.25)]:
    run = lambda p, c=(beta, clip, anchor): iql_policy(p, *c)
    config = {"beta": beta, "clip": clip, "anchor": anchor}
    cases.append(case("iql-policy", config, run, {"hidden": hidden}))
for lam, k, clip, anchor in [(0.125, K, 100.0, 1.0), (0.5, V, 1.25, 0.0), (0.0625, 1, 2.0, 0.25)]:
    run = lambda p, c=(lam, k, clip, anchor): awac(p, *c)
    config = {"lambda": lam, "candidates": k, "clip": clip, "anchor": anchor}
    cases.append(case("awac", config, run, {"hidden": hidden}))

# Three critics, with and without LayerNorm; backups over all of them or over a subset.
for layer_norm in [False, True]:
    ensemble = heads | third | (norms if layer_norm else {})
    for name, subset, more, run in [
        ("cql", None, {"bagging": True}, lambda p: cql(p, 0.7, 0.5, K, "all", "monte-carlo", 0.7, bagging=True)),
        ("cql", ["q1", "q3"], {"backup": "sarsa"}, lambda p: cql(p, 0.7, 0.5, K, "all", "sarsa", 0.7, subset=["q1", "q3"])),
        ("cql", ["q2"], {"backup": "policy"}, lambda p: cql(p, 0.7, 0.5, K, "all", "policy", 0.7, subset=["q2"])),
        (
            "cal-ql",
            None,
            {"reference": "return", "bagging": True},
            lambda p: cql(p, 0.7, 0.5, K, "all", "monte-carlo", 0.7, reference=returns, bagging=True),
        ),
        (
            "cal-ql",
            ["q2", "q3"],
            {"backup": "restricted-max", "targetGap": -0.125, "bagging": True},
            lambda p: cql(p, 0.7, 0.5, K, "all", "restricted-max", 0.7, pass_rate, -0.125, True, ["q2", "q3"]),
        ),
        ("iql", ["q2", "q3"], {"bagging": True}, lambda p: iql(p, 0.8, True, ["q2", "q3"])),
        ("iql-policy", ["q1"], {}, lambda p: iql_policy(p, 10.0, 100.0, 1.0, ensemble)),
        ("awac", ["q1"], {"candidates": K}, lambda p: awac(p, 0.1, K, 100.0, 1.0, ensemble)),
    ]:
        shared = {"alpha": 0.7, "temperature": 0.5, "candidates": K, "conservativeOn": "all"}
        config = {"cql": shared, "cal-ql": shared, "iql": {"expectile": 0.8}}.get(name, {}) | more
        parameters = ensemble | (theta if "targetGap" in more else {})
        of = {"hidden": hidden} if name in ["iql-policy", "awac"] else parameters
        mask = None if subset is None else [float(q in subset) for q in ["q1", "q2", "q3"]]
        shape = {"critics": 3, "layerNorm": layer_norm, "subset": mask}
        cases.append(case(name, config, run, of) | {"ensemble": shape})

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
                "passRate": flat(pass_rate),
                "bag1": flat(bags[0]),
                "bag2": flat(bags[1]),
                "bag3": flat(bags[2]),
                "heads": {n: flat(x) for n, x in (heads | theta | third | norms).items()},
            },
            "cases": cases,
        },
        indent=1,
    )
)
