"""Real data at hand: scikit-learn's bundled handwritten digits as an empirical law.

1,797 images of 8×8 pixels (test part of Alpaydin and Kaynak's "Optical Recognition of Handwritten Digits",
UCI Machine Learning Repository, 1998).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

REWARDS = ("confidence", *(f"class:{c}" for c in range(10)))
GAMMA = 5.0  # the weight of a class's probability as a reward, as in Ferbach et al.


class Digits(NamedTuple):
    """The atoms: `labels`, shape (m,), and the classifier's `probabilities`, shape (m, 10)."""

    labels: np.ndarray
    probabilities: np.ndarray


@functools.cache
def digits() -> Digits:
    """All digits, judged by a logistic regression that was trained on every second one."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load_digits()
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    classifier.fit(data.data[::2], data.target[::2])
    return Digits(data.target, classifier.predict_proba(data.data))


def reward(name: str) -> np.ndarray:
    """The reward of every digit: "confidence", max_i q_i(x), or "class:c", γ·q_c(x) with γ = 5."""
    if name not in REWARDS:
        raise ValueError(f"reward must be one of {', '.join(REWARDS)}, got {name!r}")
    probabilities = digits().probabilities
    if name == "confidence":
        return probabilities.max(axis=1)
    return GAMMA * probabilities[:, int(name.removeprefix("class:"))]


def class_shares(p: np.ndarray) -> np.ndarray:
    """The shares of the ten classes: shape (…, m) to (…, 10)."""
    return p @ np.eye(10)[digits().labels]
