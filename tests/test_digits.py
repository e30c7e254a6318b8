"""The digits as an empirical law: counts, rewards, class shares."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from theorycheck.loops import digits


def test_the_atoms_are_all_digits():
    labels, probabilities = digits.digits()
    assert labels.tolist() == load_digits().target.tolist()
    assert len(labels) == 1797
    assert probabilities.shape == (1797, 10)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(1797))


def test_the_classifier_is_good_on_the_half_that_it_never_saw():
    labels, probabilities = digits.digits()
    assert np.mean(probabilities.argmax(axis=1)[1::2] == labels[1::2]) > 0.9


def test_rewards():
    probabilities = digits.digits().probabilities
    assert digits.reward("confidence").tolist() == probabilities.max(axis=1).tolist()
    for c in range(10):
        assert digits.reward(f"class:{c}").tolist() == (5 * probabilities[:, c]).tolist()


@pytest.mark.parametrize("name", ["class:10", "class:", "trust", ""])
def test_unknown_rewards_are_refused(name):
    with pytest.raises(ValueError, match=f"^reward must be one of confidence.*got {name!r}$"):
        digits.reward(name)


def test_class_shares():
    labels = load_digits().target
    p = np.random.default_rng(2).dirichlet(np.ones(1797), size=3)
    expected = [[sum(x for x, k in zip(row, labels, strict=True) if k == c) for c in range(10)] for row in p]
    assert digits.class_shares(p) == pytest.approx(np.array(expected))
