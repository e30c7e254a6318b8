"""Results of trained models as files: read back as written, or refused."""

import math

import numpy as np
import pytest

from theorycheck import results
from theorycheck.results import Row

ROWS = [
    Row("toy", loop, weight, 4, "class:0", seed, step, "mean_reward", seed + step / 10)
    for loop, weight in (("curated", math.inf), ("curated-real", 0.5))
    for seed in (0, 1, 2)
    for step in range(4)
]


@pytest.fixture
def run(tmp_path):
    results.write(tmp_path / "results.csv", ROWS, ["theorycheck retrain --preset toy", "seeds 0, 1, 2"])
    return tmp_path


def test_rows_come_back(run):
    assert results.read(run) == results.read(run / "results.csv") == ROWS
    assert results.notes(run) == ["theorycheck retrain --preset toy", "seeds 0, 1, 2"]
    assert ",inf," in (run / "results.csv").read_text()


def test_a_measure_by_seed_and_round(run):
    values = results.select(results.read(run), "mean_reward", loop="curated-real")
    np.testing.assert_array_equal(values, np.arange(3)[:, None] + np.arange(4) / 10)
    with pytest.raises(ValueError, match="no results for frechet, loop curated"):
        results.select(ROWS, "frechet", loop="curated")
    with pytest.raises(ValueError, match="one for each seed and round"):
        results.select(ROWS[:-1], "mean_reward", loop="curated-real")
    with pytest.raises(ValueError, match="one for each seed and round"):
        results.select(ROWS, "mean_reward")


def test_samples_come_back(tmp_path):
    (tmp_path / "samples.csv").write_text("# note\nloop,seed,round,x,y\nreal,0,5,1,2\nreal,0,5,3,4.5\n")
    np.testing.assert_array_equal(results.samples(tmp_path)["real", 0, 5], [[1, 2], [3, 4.5]])
    (tmp_path / "digits.csv").write_text("loop,seed,round,sample,p0,p1\ncurated,0,2,0,16,3\n")
    np.testing.assert_array_equal(results.samples(tmp_path / "digits.csv")["curated", 0, 2], [[16, 3]])
    np.savez(tmp_path / "large.npz", **{"curated/1/10": np.zeros((2, 12))})
    assert results.samples(tmp_path / "large.npz")["curated", 1, 10].shape == (2, 12)


HEADER = ",".join(Row._fields)
GOOD = "toy,curated,inf,4,class:0,0,0,mean_reward,1.5"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "header that begins preset,loop"),
        ("a,b\n1,2\n", "header that begins preset,loop"),
        (HEADER + "\n", "holds no results"),
        (f"{HEADER}\n{GOOD},1\n", "line 2: 10 fields in place of 9"),
        (f"{HEADER}\n{GOOD.replace('inf', '-1')}\n", r"synthetic_weight must be in \[0, inf\], got -1"),
        (f"{HEADER}\n{GOOD.replace('inf', 'nan')}\n", r"synthetic_weight must be in \[0, inf\], got nan"),
        (f"{HEADER}\n{GOOD.replace(',4,', ',0,')}\n", "choices must be at least 1"),
        (f"{HEADER}\n{GOOD.replace(',4,', ',four,')}\n", "line 2: .*'four'"),
        (f"# note\n{HEADER}\n{GOOD}\n{GOOD[:-3]}nan\n", "line 4: the value of mean_reward is not a number"),
    ],
)
def test_what_is_not_results_is_refused(tmp_path, text, complaint):
    (tmp_path / "results.csv").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        results.read(tmp_path)


def test_missing_files_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*none.csv: No such file"):
        results.read(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"holds no results.csv: no run of theorycheck"):
        results.read(tmp_path)
    with pytest.raises(ValueError, match="preset 'nothing' has no stored results"):
        results.stored("nothing")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not UTF-8"):
        results.read(tmp_path / "binary.csv")
    np.savez(tmp_path / "odd.npz", odd=np.zeros(1))
    with pytest.raises(ValueError, match="LOOP/SEED/ROUND"):
        results.samples(tmp_path / "odd.npz")
