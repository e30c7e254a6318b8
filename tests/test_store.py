"""What was done survives: kills, damage, full disks, other runs in the same folder."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from theories import FILE

from theorycheck.engine.executor import Unavailable
from theorycheck.engine.store import LOG, Store, Stored
from theorycheck.engine.suite import verify
from theorycheck.render import difference

IDENTITY = {"seed": 1, "source": "abc", "packages": {"numpy": "2"}}
VALUES = [0.1, 1e-310, -0.0, math.inf, 3, "λ = ½ ≤ ∞\n", None, [1, [2.5, "x"]], {"a": {"b": -1}}]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "new" / "out"


def opened(folder, **changed):
    return Store(folder, {**IDENTITY, **changed})


def everything(store, names):
    return {name: [store.read(place) for place in store.places(name)] for name in names}


def filled(folder):
    store = opened(folder)
    names = [f"name {i}" for i in range(len(VALUES))]
    for name, value in zip(names, VALUES, strict=True):
        store.put(name, value)
    store.put(names[0], "again")
    expected = everything(store, names)
    store.close()
    return names, expected


def test_results_come_back(folder):
    names, expected = filled(folder)
    assert expected == {n: [v] for n, v in zip(names, VALUES, strict=True)} | {names[0]: [0.1, "again"]}
    store = opened(folder)
    assert everything(store, names) == expected
    assert math.copysign(1, store.read(store.places("name 2")[0])) == -1
    assert store.places("name") == []
    assert store.damaged == 0
    store.close()


def test_no_damage_is_taken_for_a_result(folder, caplog):
    names, expected = filled(folder)
    path = folder / LOG
    whole = path.read_bytes()
    generator = np.random.default_rng(5)
    for place in range(len(whole)):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ generator.integers(1, 256)]) + whole[place + 1 :]
        )
        store = opened(folder)
        found = everything(store, names)
        lost = sum(len(expected[n]) - len(found[n]) for n in names)
        # A line break that is hit, or made, makes one bad line of two, or two of one.
        assert lost <= 2
        assert all(value in expected[n] for n in names for value in found[n])
        assert (lost > 0) <= (store.damaged > 0 or whole[place : place + 1] == b"\n")
        store.close()
    assert "damaged lines; what they held is done again" in caplog.text


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (1, "1 damaged line; what it held is done again"),
        (2, "2 damaged lines; what they held is done again"),
    ],
)
def test_damaged_lines_are_counted(folder, caplog, count, told):
    filled(folder)
    path = folder / LOG
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        b"".join([lines[0], *(b"-" + line for line in lines[1 : 1 + count]), *lines[1 + count :]])
    )
    opened(folder).close()
    assert caplog.messages == [f"{path}: {told}"]


def test_a_line_that_was_never_finished_is_cut_off(folder):
    names, expected = filled(folder)
    path = folder / LOG
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in (last + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        store = opened(folder)
        assert store.damaged == 0
        assert everything(store, names)[names[0]] == [0.1]
        store.put(names[0], "again")
        assert everything(store, names) == expected
        store.close()
        assert path.read_bytes() == whole


def test_a_first_line_that_was_never_finished_is_no_store(folder):
    folder.mkdir(parents=True)
    (folder / LOG).write_bytes(b"0123 {")
    opened(folder).close()
    opened(folder).close()


def test_nothing_but_a_damaged_first_line_is_refused(folder):
    opened(folder).close()
    path = folder / LOG
    path.write_bytes(path.read_bytes().replace(b"seed", b"Seed"))
    with pytest.raises(
        ValueError, match=r"done\.log does not tell what run it is of: its first line is damaged"
    ):
        opened(folder)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seed": 2}, "there seed is 1, here 2"),
        ({"source": "abd"}, "there source is abc, here abd"),
        ({"packages": {"numpy": "3"}}, "there numpy is 2, here 3"),
        ({"alpha": 0.1}, "there alpha is not given, here 0.1"),
        ({"seed": 2, "source": "x"}, "there seed is 1, here 2; source is abc, here x"),
    ],
)
def test_another_run_is_refused_and_told_apart(folder, changed, told):
    names, expected = filled(folder)
    with pytest.raises(ValueError, match="holds results of another run") as refused:
        opened(folder, **changed)
    assert str(refused.value).endswith(told)
    store = opened(folder)
    assert everything(store, names) == expected
    store.close()


def test_one_run_at_a_time(folder):
    store = opened(folder)
    with pytest.raises(ValueError, match="is in use by another run"):
        opened(folder)
    store.close()
    opened(folder).close()


HOLDS = """
import sys, time
from theorycheck.engine.store import Store
store = Store(sys.argv[1], {})
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_run_leaves_no_lock(folder):
    with subprocess.Popen([sys.executable, "-c", HOLDS, folder], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="is in use by another run"):
            Store(folder, {})
        holder.kill()
    Store(folder, {}).close()


# --- no room, no permission ---------------------------------------------------------------------------------

FULL = """
import resource, sys
from theorycheck.engine.store import Store
store = Store(sys.argv[1], {})
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    for i in range(100):
        store.put(str(i), "x" * 100)
except OSError as error:
    print(i, error)
"""


def test_a_full_disk_loses_nothing(folder):
    # The system's limit on the size of a file stops a write half-way, as a full disk does.
    done = subprocess.run([sys.executable, "-c", FULL, folder], capture_output=True, text=True, check=True)
    count, told = done.stdout.split(" ", 1)
    assert told.startswith(f"cannot write to {folder / LOG}: ")
    assert "what was done before is kept" in told
    assert 5 < int(count) < 20
    store = Store(folder, {})
    assert store.damaged == 0
    assert [bool(store.places(str(i))) for i in range(int(count) + 1)] == [True] * int(count) + [False]
    store.close()


def test_no_space_left_ends_a_run_with_a_sentence(folder, coin, monkeypatch):
    before = Store.put

    def put(self, name, value):
        if self.path.stat().st_size > 1000:
            raise Unavailable(f"cannot write to {self.path}: {os.strerror(errno.ENOSPC)}")
        before(self, name, value)

    monkeypatch.setattr(Store, "put", put)
    with pytest.raises(OSError, match="No space left on device"):
        verify(coin, out=folder)
    monkeypatch.undo()
    assert difference(verify(coin, out=folder).to_dict(), verify(coin).to_dict()) == []


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        with pytest.raises(OSError, match=f"cannot write to {tmp_path / place}: "):
            opened(tmp_path / place)


def test_a_folder_without_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^--out must name a directory, got ''$"):
        opened("")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match=f"cannot write to {tmp_path / 'x'}: Permission denied"):
            opened(tmp_path / "x")
    finally:
        tmp_path.chmod(0o700)


# --- blocks -------------------------------------------------------------------------------------------------


def rows(block):
    return np.random.default_rng(block).standard_normal(3)


class Counting:
    """An executor that notes what it computes."""

    workers = 1

    def __init__(self):
        self.done = []

    def map(self, function, blocks, name):
        for block in blocks:
            self.done.append(block)
            yield function(block)


def computed(folder, *requests):
    store, counting = opened(folder), Counting()
    try:
        for request in requests:
            found = list(Stored(counting, store).map(rows, request, "x"))
            np.testing.assert_array_equal(found, [rows(block) for block in request])
    finally:
        store.close()
    return counting.done


def test_no_block_is_computed_twice(folder):
    assert computed(folder, range(3), range(3)) == [0, 1, 2]
    assert computed(folder, range(6), range(2, 4), range(0)) == [3, 4, 5]
    assert computed(folder, range(8, 10), range(1, 12), range(12)) == [8, 9, 6, 7, 10, 11]
    assert computed(folder, range(4, 11)) == []


def test_only_damaged_blocks_are_computed_again(folder):
    computed(folder, range(2), range(2, 5), range(5, 9))
    path = folder / LOG
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"A", b"B", 1)
    path.write_bytes(b"".join(lines))
    assert computed(folder, range(9)) == [2, 3, 4]
    assert computed(folder, range(9)) == []


DRIVER = """
import sys, time
from pathlib import Path
import numpy as np
from theorycheck.engine.executor import Executor
from theorycheck.engine.store import Store, Stored
folder, drawn = sys.argv[1:]

def rows(block):
    time.sleep(0.02)
    Path(drawn, f"{block} {time.time_ns()}").touch()
    return np.random.default_rng(block).standard_normal(3)

executor = Stored(Executor(2), Store(folder, {}))
total = sum(executor.map(rows, range(60), "x"))
print(*map(float.hex, total.tolist()))
"""


def test_kills_at_a_few_moments_change_no_bit(folder, tmp_path):
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    kept = {}
    for moment in (0, 8, 25, None):
        before = len(list(drawn.iterdir()))
        with subprocess.Popen(
            [sys.executable, "-c", DRIVER, folder, drawn], stdout=subprocess.PIPE, text=True
        ) as process:
            while moment is not None and len(list(drawn.iterdir())) < before + moment:
                time.sleep(0.005)
            if moment is not None:
                process.send_signal(signal.SIGKILL)
            out, _ = process.communicate(timeout=60)
        done = [int(file.name.split()[0]) for file in drawn.iterdir()]
        # What an earlier process had kept, no later one computed.
        assert all(done.count(block) == times for block, times in kept.items())
        kept = {block: done.count(block) for block in blocks_in(folder)}
    assert sorted(kept) == list(range(60))
    total = sum(np.random.default_rng(block).standard_normal(3) for block in range(60))
    assert out.split() == [x.hex() for x in total.tolist()]


def blocks_in(folder):
    store = Store(folder, {})
    found = [
        block
        for place in store.places("x")
        for block in range(
            store.read(place)["start"], store.read(place)["start"] + store.read(place)["count"]
        )
    ]
    store.close()
    assert len(found) == len(set(found))
    return set(found)


# --- verify --out ------------------------------------------------------------------------------------------


@pytest.fixture
def coin(tmp_path):
    (tmp_path / "coin.py").write_text(FILE, encoding="utf-8")
    return str(tmp_path / "coin.py")


def test_a_finished_run_is_not_decided_again(folder, coin, monkeypatch):
    from theorycheck.engine import suite

    first = verify(coin, out=folder)
    assert difference(first.to_dict(), verify(coin).to_dict()) == []
    monkeypatch.setattr(suite, "plan_instance", None)
    again = verify(coin, out=folder)
    assert difference(first.to_dict(), again.to_dict()) == []
    assert [t["claims"] for t in again.to_dict()["theorems"]] == [
        t["claims"] for t in first.to_dict()["theorems"]
    ]


def test_a_run_that_breaks_off_goes_on(folder, coin, monkeypatch):
    whole = verify(coin)
    for puts in (1, 2, 3):
        before, count = Store.put, []

        def put(self, name, value, before=before, count=count, puts=puts):
            if len(count) == puts:
                raise Unavailable("the plug was pulled")
            count.append(name)
            before(self, name, value)

        monkeypatch.setattr(Store, "put", put)
        with pytest.raises(OSError, match="the plug was pulled"):
            verify(coin, out=folder)
        monkeypatch.undo()
    assert difference(verify(coin, out=folder).to_dict(), whole.to_dict()) == []
    names = [json.loads(line.split(b" ", 1)[1])[0] for line in (folder / LOG).read_bytes().splitlines()[1:]]
    findings = [name for name in names if name.endswith("]")]
    assert len(findings) == len(set(findings))


def test_an_edited_file_is_another_run(folder, coin, tmp_path):
    verify(coin, out=folder)
    (tmp_path / "coin.py").write_text(FILE + "\n# edited\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds results of another run: there coin\.py is \w+, here \w+$"):
        verify(coin, out=folder)
