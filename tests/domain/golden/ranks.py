"""Rank correlations of random pairs with and without ties, by SciPy.

    python3 tests/domain/golden/ranks.py

Writes ranks.json beside this file: estimates, measured figures, Spearman's rho and Kendall's tau-b.
"""
import json
import pathlib

import numpy
from scipy import stats

random = numpy.random.default_rng(5)
cases = []
for size, levels in [(3, 0), (5, 0), (12, 0), (8, 3), (12, 4), (30, 6)]:
    # levels > 0: values on a grid, so that some tie.
    draw = (lambda: random.integers(0, levels, size) / levels) if levels else (lambda: random.random(size))
    estimates, measured = draw(), draw()
    cases.append(
        {
            "estimates": estimates.tolist(),
            "measured": measured.tolist(),
            "spearman": float(stats.spearmanr(estimates, measured).statistic),
            "kendall": float(stats.kendalltau(estimates, measured, variant="b").statistic),
        }
    )
target = pathlib.Path(__file__).with_name("ranks.json")
target.write_text(json.dumps(cases, indent=1) + "\n")
