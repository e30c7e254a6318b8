"""The same bits on threads and on a dask cluster, whatever happens to its workers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from theorycheck.engine.suite import verify
from theorycheck.render import difference
from theorycheck.sweep.plan import plan
from theorycheck.sweep.run import sweep

pytest.importorskip("distributed", reason="needs dask: pip install 'theorycheck[cluster]'")

from theorycheck.engine import cluster

HELPER = "def shifted(x, by):\n    return x + by\n"
FILE = """
from fractions import Fraction
import numpy as np
from scipy import stats
from theorycheck import DERIVED, Rival, Theorem, equals, law, mean
from theorycheck.kernels.jit import kernel
from {helper} import shifted

theorem = Theorem("on-a-cluster", title="On a cluster", source=DERIVED, statement="")

@kernel
def fill(rng, out):
    for i in range(out.size):
        out[i] = rng.standard_normal()

def normal(rng, size, by):
    out = np.empty(size)
    fill(rng, out)
    return shifted(out, by)

standard = lambda rng, size: normal(rng, size, 0.0)

def uniform(rng, size):
    return rng.random(size)

@theorem.sampled(margin=0.1, first=16, rivals={{"1/4": dict(value=0.25)}})
def few_draws(value=0.5):
    return equals(mean(uniform, bounds=(0, 1)), value)

@theorem.sampled(margin=0.02, rivals={{"1/4": dict(value=0.25)}})
def bounded(value=0.5):
    return equals(mean(uniform, bounds=(0, 1)), value)

@theorem.sampled(at=[dict(by=1.0)], margin=0.1, rivals={{"off by a half": dict(other=0.5)}})
def known_variance(by, other=0.0):
    return equals(mean(normal, by, variance=1.0), by + other, scale=1)

@theorem.sampled(margin=0.03, rivals={{"mean 1/2": Rival(dict(other=0.5), lambda: Fraction(19, 100))}})
def in_law(other=0.0):
    return equals(law(standard), stats.norm(other))
"""
SLOW = """
import os, time
from pathlib import Path
from theorycheck import DERIVED, Theorem, equals, mean

theorem = Theorem("slow", title="Slow", source=DERIVED, statement="")

def draw(rng, size, folder):
    x = rng.random(size)
    time.sleep(0.1)
    Path(folder, f"{x[0].hex()} {os.getpid()} {time.time_ns()}").touch()
    return x

@theorem.sampled(margin=0.02, first=262144, rivals={"1/4": dict(value=0.25)})
def is_fair(value=0.5):
    return equals(mean(draw, %r, bounds=(0, 1)), value)
"""


LOCAL = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    options = dict(threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None)
    with LocalCluster(n_workers=int(sys.argv[1]), **options) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextlib.contextmanager
def started(workers, folder):
    """The address of a cluster of worker processes on the loopback interface, each with a nanny that starts
    it again when it dies. It lives in a process of its own, so that its warnings are not ours."""
    script = folder / "local_cluster.py"
    script.write_text(LOCAL)
    with subprocess.Popen(
        [sys.executable, script, str(workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with started(2, tmp_path_factory.mktemp("cluster")) as found:
        yield found


def same(first, second):
    return difference(first.to_dict(), second.to_dict()) == []


def test_same_bits_as_on_threads(address, tmp_path):
    (tmp_path / "helper_of_test_cluster.py").write_text(HELPER)
    path = tmp_path / "on_a_cluster.py"
    path.write_text(FILE.format(helper="helper_of_test_cluster"))
    one, two = (verify(str(path), workers=workers) for workers in (1, 2))
    there = verify(str(path), cluster=address)
    assert {claim.id for _, claim in there.claims()} == {"few_draws", "bounded", "known_variance", "in_law"}
    assert same(one, two)
    assert same(one, there)
    assert there.provenance["workers"] == 2
    other = verify(f"{path}::few_draws", seed=1)
    assert not same(other, verify(f"{path}::few_draws", workers=2))


def test_the_catalogue_runs_there(address):
    targets = ("reward-ascent::literal_reward_rises",)
    assert same(verify(*targets), verify(*targets, cluster=address))


def test_a_sweep_gives_the_same_table(address, tmp_path):
    config = {"loop": "gaussian", "paths": 2000, "grid": {"samples": 5, "steps": [1, 3]}}
    there = sweep(plan(config), tmp_path / "there", cluster=address)
    assert there.to_csv() == sweep(plan(config), tmp_path / "here", workers=1).to_csv()


def test_a_killed_worker_costs_its_blocks_alone(address, tmp_path):
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    path = tmp_path / "slow.py"
    path.write_text(SLOW % str(drawn))
    victims = []

    def kill():
        deadline = time.monotonic() + 60
        while len(list(drawn.iterdir())) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        victims.append(int(next(iter(drawn.iterdir())).name.split()[1]))
        os.kill(victims[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    there = verify(str(path), cluster=address)
    killer.join()
    draws = [file.name.split() for file in drawn.iterdir()]
    pids = {int(pid) for _, pid, _ in draws}
    assert victims[0] in pids
    assert len(pids) >= 2
    blocks = [block for block, _, _ in draws]
    again = {block for block in blocks if blocks.count(block) > 1}
    assert len(set(blocks)) == 32
    assert again <= {block for block, pid, _ in draws if int(pid) == victims[0]}
    assert same(there, verify(str(path)))


def test_other_code_on_a_worker_is_refused(address, monkeypatch):
    monkeypatch.setitem(cluster.CODE, "source", "other code")
    with pytest.raises(
        ValueError, match=r"the worker tcp://127.* has source .*, here it is other code: the same"
    ):
        verify("reward-ascent::literal_reward_rises", cluster=address)
    monkeypatch.undo()
    monkeypatch.setitem(cluster.CODE["packages"], "numpy", "0.1")
    with pytest.raises(ValueError, match=r"has numpy .*, here it is 0\.1"):
        verify("reward-ascent::literal_reward_rises", cluster=address)


def test_workers_that_join_later_are_asked_too(monkeypatch):
    import cloudpickle

    theirs = {**cluster.CODE, "python": "2.7"}
    with pytest.raises(ValueError, match=r"has python 2\.7, here it is"):
        cluster._compute(theirs, cloudpickle.dumps(abs), range(1))
    assert cluster._compute(cluster.CODE, cloudpickle.dumps(abs), range(-2, 0)) == [2, 1]


def test_an_error_in_a_draw_is_told_as_on_threads(address, tmp_path):
    path = tmp_path / "breaks.py"
    path.write_text(SLOW.replace("time.sleep(0.1)", "raise ArithmeticError('no draw')") % "")
    with pytest.raises(ValueError, match=r"slow::is_fair\[\] cannot be decided: ArithmeticError: no draw"):
        verify(str(path), cluster=address)


def test_workers_and_cluster_exclude_each_other():
    with pytest.raises(
        ValueError, match="workers must not be given with a cluster, which has its own, got 2"
    ):
        verify("reward-ascent", workers=2, cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:80", "tcp://", "tcp://h", "tcp://h:x", "tcp://h:65536", 3]
)
def test_malformed_addresses(address):
    with pytest.raises(ValueError, match=r"--cluster must be tcp://HOST:PORT, got"):
        verify("reward-ascent", cluster=address)


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with pytest.raises(OSError, match=r"no cluster answers at tcp://127\.0\.0\.1:1: "):
        verify("reward-ascent", cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.0 400 Bad request\r\n\r\n"])
def test_something_else_answers(monkeypatch, said):
    """A stopped scheduler accepts a connection, and says nothing; a web server says what dask cannot read."""
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    monkeypatch.setattr(cluster, "GRACE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])
                    taken[-1].sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(OSError, match=r"no cluster answers at tcp://127\.0\.0\.1:\d+: \w"):
            cluster.Cluster(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - began < 20
        server.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()


def test_a_cluster_without_workers(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "CONNECT", 2.0)
    with (
        started(0, tmp_path) as empty,
        pytest.raises(OSError, match=f"the cluster at {empty} has no worker"),
    ):
        verify("reward-ascent", cluster=empty)
