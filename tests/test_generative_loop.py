"""The retraining loop of trained models: what it trains on; that it resumes, refuses and stops rightly."""

import errno
import itertools
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'theorycheck[torch]'")

from PIL import Image  # noqa: E402

from theorycheck import results  # noqa: E402
from theorycheck.commands import retrain  # noqa: E402
from theorycheck.generative import (  # noqa: E402
    checkpoints,
    cifar,
    classifier,
    data,
    generation,
    loop,
    presets,
    runs,
    streams,
)
from theorycheck.generative.settings import Loop  # noqa: E402

HERE = Path(__file__).parent
SMALL = dict(width=8, blocks=1, real=48, first_steps=6, steps=4, batch=16, checkpoint_steps=2)
SMALL |= dict(sampling_steps=2, chunk=16, evaluation=40, classifier_steps=5, classifier_width=4)
PLANE = presets.preset("eight-gaussians").replace(
    rounds=2,
    loops=(Loop("synthetic", float("inf")), Loop("half", 0.5, 4, "distance")),
    **SMALL,
)


def outcome(settings, out, seeds=(0,), **options):
    before = torch.get_num_threads()
    try:
        return runs.run(settings, out, seeds, **options)
    finally:
        torch.set_num_threads(before)


def ran(*arguments, **options):
    return outcome(*arguments, **options).rows


def test_a_run_measures_every_round_and_writes_what_is_read(tmp_path):
    rows = ran(PLANE, tmp_path / "run", (0, 1))
    assert results.read(tmp_path / "run") == [r._replace(value=float(f"{r.value:.6g}")) for r in rows]
    assert results.select(rows, "w1", loop="half").shape == (2, 3)
    assert {r.measure for r in rows if r.loop == "synthetic"} == {r.measure for r in rows} - {
        "mean_reward",
        "mean_exp_reward",
        "var_exp_reward",
    }
    shown = results.samples(tmp_path / "run")
    assert shown["half", 0, 2].shape == (40, 2)
    assert {key[1] for key in shown} == {0}
    assert results.notes(tmp_path / "run")[-1] == "seeds 0, 1"
    assert len(list((tmp_path / "run/seed-1/half").glob("state-*"))) == 2
    assert not list((tmp_path / "run").rglob(".*"))
    # A finished run does nothing again.
    assert ran(PLANE, tmp_path / "run", (0, 1)) == rows


def test_a_run_may_be_made_longer(tmp_path):
    ran(PLANE.replace(rounds=1), tmp_path / "grown")
    ran(PLANE, tmp_path / "straight")
    assert ran(PLANE, tmp_path / "grown") == results_of(tmp_path / "straight")


def test_a_run_that_broke_off_in_its_last_round_may_be_made_longer(tmp_path, monkeypatch):
    """A last round keeps nothing; made longer, it is drawn again from its first chunk."""
    draw = loop.Generator.draw

    def dying(self, count, *names):
        # The third chunk of the second measurement of the first loop.
        if names[1:] == ("synthetic", 1, "generate", 2):
            raise KeyboardInterrupt
        return draw(self, count, *names)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Generator, "draw", dying)
        with pytest.raises(KeyboardInterrupt):
            ran(PLANE.replace(rounds=1), tmp_path / "grown")
    ran(PLANE, tmp_path / "straight")
    assert ran(PLANE, tmp_path / "grown") == results_of(tmp_path / "straight")


def test_seeds_that_are_not_done_wait_until_they_are_continued(tmp_path):
    ran(PLANE.replace(rounds=1), tmp_path, (0, 1))
    assert {row.seed for row in ran(PLANE, tmp_path, (1,))} == {1}
    assert results.notes(tmp_path)[-1] == "seeds 1"
    shorter = ran(PLANE.replace(rounds=1), tmp_path, (0,))
    assert {(row.seed, row.round) for row in shorter} == {(seed, step) for seed in (0, 1) for step in (0, 1)}
    assert {row.seed for row in ran(PLANE, tmp_path, (0,))} == {0, 1}


def results_of(out):
    return runs.collect(PLANE, out, "")


@pytest.mark.parametrize(
    ("weight", "fresh", "real", "synthetic"),
    [(0.0, False, 48, 0), (0.5, False, 48, 24), (0.5, True, 48, 24), (float("inf"), False, 0, 48)],
)
def test_the_training_set_is_n_real_and_the_kept_part(tmp_path, monkeypatch, weight, fresh, real, synthetic):
    one = Loop("one", weight, fresh_real=fresh)
    seen = []
    train = loop.Trainer.train

    def watched(self, state, training_set, steps, names, *rest):
        seen.append((names, training_set.clone(), None if state.kept is None else state.kept.clone()))
        return train(self, state, training_set, steps, names, *rest)

    monkeypatch.setattr(loop.Trainer, "train", watched)
    ran(PLANE.replace(loops=(one,)), tmp_path)
    (_, first, _), *rounds = seen
    pool = {row.numpy().tobytes() for row in data.source(PLANE).train}
    assert len(first) == 48
    for _, training_set, kept in rounds:
        assert len(training_set) == real + synthetic
        assert len(kept) == synthetic
        assert sum(row.numpy().tobytes() in pool for row in training_set) == real
    if real:
        sets = [{row.numpy().tobytes() for row in rows[synthetic:]} for _, rows, _ in rounds]
        assert (sets[0] == sets[1]) is (not fresh)
        assert all(len(rows) == real for rows in sets)


def test_no_more_than_a_chunk_of_proposals_stands_in_memory(tmp_path, monkeypatch):
    drawn = []
    draw = loop.Generator.draw

    def watched(self, count, *names):
        drawn.append(count)
        return draw(self, count, *names)

    monkeypatch.setattr(loop.Generator, "draw", watched)
    ran(PLANE.replace(chunk=18, loops=(Loop("one", float("inf"), 4, "distance"),)), tmp_path)
    assert set(drawn) == {16}
    # 48 kept ones need 192 proposals, twelve chunks, in each of two rounds; the last round is only measured.
    assert len(drawn) == 12 + 12 + 3


def test_the_cost_of_curation_is_told_against_the_proposals_that_are_chosen_from(tmp_path, monkeypatch):
    """By a clock that ticks at each look, a chunk and a choice take a second each: samples that are drawn
    without a choice, in a loop without curation or only to be measured, must not make the share smaller."""
    ticks = itertools.count()
    monkeypatch.setattr(generation, "time", types.SimpleNamespace(perf_counter=lambda: next(ticks)))
    (report,) = outcome(PLANE, tmp_path / "both").reports
    assert report.curation_share == 1
    (report,) = outcome(PLANE.replace(loops=PLANE.loops[:1]), tmp_path / "none").reports
    assert report.curation_share == 0


@pytest.mark.parametrize("shuffled", [False, True])
def test_curation_by_distance_moves_the_samples(tmp_path, shuffled):
    """Kept samples are nearer to the target than what was proposed, unless the rewards are shuffled."""
    one = Loop("one", float("inf"), 4, "distance", shuffled=shuffled)
    bench = loop.prepare(PLANE.replace(loops=(one,), chunk=400), tmp_path, lambda *event: None)
    state = checkpoints.State()

    def reward(raw):
        return loop._reward(bench, one, raw)

    bench.generator.curate(state, one, 400, 400, reward, ("x",), lambda s: None, lambda n: None)
    kept, proposed = (
        torch.linalg.vector_norm(x - torch.tensor([2.0, 0.0]), dim=1).double()
        for x in (state.kept, state.measured)
    )
    # The nearest of four against one of four, in standard errors of the difference.
    moved = (proposed.mean() - kept.mean()) / (proposed.var() / 400 + kept.var() / 400).sqrt()
    assert abs(moved) < 4 if shuffled else moved > 8


def test_digits_run_through_the_unet(tmp_path):
    settings = presets.preset("digits").replace(rounds=1, **SMALL)
    rows = ran(settings.replace(loops=settings.loops[1:2]), tmp_path)
    last = {r.measure: r.value for r in rows if r.round == 1}
    assert {"frechet", "precision", "recall", "class_entropy", "mean_reward", "class_9"} <= last.keys()
    pixels = results.samples(tmp_path)["curated-real", 0, 1]
    assert pixels.shape == (10, 64)
    assert pixels.min() >= 0
    assert pixels.max() <= 16


@pytest.mark.parametrize("model", ["edm", "flow"])
def test_other_models_train(tmp_path, model):
    rows = ran(PLANE.replace(model=model, rounds=1, loops=PLANE.loops[:1]), tmp_path)
    assert np.isfinite([row.value for row in rows]).all()


def test_one_precision_may_follow_another(tmp_path):
    one = PLANE.replace(rounds=1, loops=PLANE.loops[:1])
    values = {}
    for precision in ("bf16", "no"):
        rows = ran(one.replace(precision=precision), tmp_path / precision)
        values[precision] = [row.value for row in rows]
    assert np.isfinite(values["bf16"]).all()
    assert values["bf16"] != values["no"]


def test_gradients_may_be_accumulated(tmp_path):
    """Two halves of a batch give the mean of their gradients: the objective's noise apart, one batch's."""
    settings = PLANE.replace(accumulation=2, rounds=1)
    assert ran(settings, tmp_path / "two")
    with pytest.raises(ValueError, match="batch must be a multiple of processes × accumulation"):
        loop.Trainer(settings.replace(batch=16), data.source(PLANE), torch.nn.Linear(2, 2), None, Many())


class Many:
    num_processes = 3


def test_the_classifier_never_sees_what_it_is_judged_on(tmp_path):
    settings = presets.preset("digits").replace(classifier_steps=30)
    source = data.source(settings)
    found = classifier.classifier(settings, source, tmp_path / "a", torch.device("cpu"))
    blank = torch.zeros_like(source.held_out)
    other = data.Source(**{**vars(source), "held_out": blank})
    again = classifier.classifier(settings, other, tmp_path / "b", torch.device("cpu"))
    assert found.accuracy > 0.5
    for (name, one), two in zip(
        found.network.state_dict().items(), again.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    stored = classifier.classifier(settings, source, tmp_path / "a", torch.device("cpu"))
    assert stored.accuracy == found.accuracy
    with pytest.raises(ValueError, match="is the classifier of another configuration"):
        classifier.classifier(
            settings.replace(classifier_steps=31), source, tmp_path / "a", torch.device("cpu")
        )


# --- checkpoints -------------------------------------------------------------------------------------------


def state(value):
    return checkpoints.State(
        1, "train", value, {"w": torch.full((3,), float(value))}, {"step.w": torch.tensor(2.0)}
    )


def test_the_last_two_checkpoints_are_kept_and_the_newest_read(tmp_path):
    chain = checkpoints.Chain(tmp_path / "chain", "me")
    assert chain.latest() is None
    for value in range(4):
        chain.write(state(value))
    assert len(chain.paths()) == 2
    found = chain.latest()
    assert (found.round, found.phase, found.position) == (1, "train", 3)
    assert torch.equal(found.network["w"], torch.full((3,), 3.0))
    assert found.training["step.w"] == 2


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".state-00000001.safetensors.x1y2").write_bytes(b"half")
    checkpoints.Chain(tmp_path, "me").write(state(0))
    assert [path.name for path in tmp_path.iterdir()] == ["state-00000000.safetensors"]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    chain = checkpoints.Chain(tmp_path, "me")
    for value in range(2):
        chain.write(state(value))
    newest = chain.paths()[-1]
    newest.write_bytes(newest.read_bytes()[:-4])
    assert chain.latest().position == 0
    chain.paths()[0].write_bytes(b"")
    with pytest.raises(ValueError, match="is not a checkpoint"):
        chain.latest()


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    checkpoints.Chain(tmp_path, "me").write(state(0))
    with pytest.raises(ValueError, match="is of another configuration: choose another --out"):
        checkpoints.Chain(tmp_path, "you").latest()


def test_a_run_of_other_settings_is_refused(tmp_path):
    # Settings that made nothing, because their data were not there, may change.
    with pytest.raises(ValueError, match="is not a directory of images"):
        ran(folder_settings(tmp_path / "none"), tmp_path / "run")
    ran(PLANE.replace(rounds=1), tmp_path / "run")
    with pytest.raises(ValueError, match=r"holds a run with steps = 4, not 5: choose another --out"):
        ran(PLANE.replace(steps=5), tmp_path / "run")
    with pytest.raises(ValueError, match=r'holds a run with features = "", not "inception.pt"'):
        ran(PLANE.replace(features="inception.pt"), tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="is not empty and holds no run"):
        ran(PLANE, tmp_path / "full")


def folder_settings(folder):
    return presets.default(f"folder:{folder}", "edm").replace(size=8, precision="no")


def cifar_of(sizes):
    def make(folder):
        for name in (*cifar.TRAIN, *cifar.HELD_OUT):
            with open(folder / name, "wb") as file:
                file.truncate(sizes(name))
        return f"cifar10:{folder}"

    return make


def pictures(folder):
    for index in range(40):
        Image.new("RGB", (8, 8 + index // 39)).save(folder / f"{index:02}.png")
    return f"folder:{folder}"


def pickled(folder):
    (folder / "data_batch_1").write_bytes(b"cos\nmkdir\n(S'" + bytes(folder / "owned") + b"'\ntR.")
    return f"cifar10:{folder}"


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: f"cifar10:{folder}/none", "is not a directory; fetch CIFAR-10 with theorycheck data"),
        (lambda folder: f"cifar10:{folder}", "holds no data_batch_1.bin"),
        (pickled, "reading a pickle runs whatever code it holds"),
        (cifar_of(lambda name: 3073 * (10_000 - ("3" in name))), "data_batch_3.bin must have 30730000 bytes"),
        (cifar_of(lambda name: 30730000), "hold 50000 images of class 0, not 5000"),
        (lambda folder: f"folder:{folder}/none", "is not a directory of images"),
        (pictures, "images must all be of one size: "),
    ],
    ids=["wrong", "empty", "pickle", "truncated", "altered", "no folder", "mixed"],
)
def test_wrong_data_end_the_command_in_one_sentence_and_claim_nothing(call, tmp_path, make, complaint):
    place = tmp_path / "data"
    place.mkdir()
    small = ["--size=8"] if "folder" in make(place) else []
    status, out, err = call("retrain", f"--data={make(place)}", *small, "--seeds=1", f"--out={tmp_path}/run")
    assert (status, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert not (place / "owned").exists()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["settings.toml"]


def test_the_command_tells_speed_memory_and_spread(call, tmp_path):
    options = [f"--set={name}={value}" for name, value in SMALL.items()]
    arguments = ["retrain", "--data=two-moons", "--rounds=1", "--seeds=2", "--jobs=1", *options]
    before = torch.get_num_threads()
    one = ["--synthetic-weight=0.5", "--choices=4", "--reward=distance", "--filter=score"]
    status, out, err = call(*arguments, *one, f"--out={tmp_path}/run")
    torch.set_num_threads(before)
    assert status == 0
    for pattern in (r"weight-0.5 +mean_reward", r"sliced_w2 .*\d … \d", "training [1-9]", "generation [1-9]"):
        assert re.search(pattern, out)
    assert re.search(r"curation [\d.]+ % of generation, host memory at most [1-9]\d* MiB", out)
    assert re.search(r"seed 1, weight-0.5, round 1: about \d+ min left", err)
    # Of another reward: not a continuation.
    status, _, err = call(*arguments, *one, "--choices=2", f"--out={tmp_path}/run")
    assert status == 2
    assert "holds a run with loops = " in err.splitlines()[-1]
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("target=[]", "target must be a point of 2 coordinates, got []"),
        ("sampling_steps=1001", "sampling_steps must be at most 1000 for ddpm, got 1001"),
        ("chunk=100000000000000", "out of memory: a smaller chunk or batch takes less"),
    ],
)
def test_what_cannot_work_is_told_in_one_sentence(call, tmp_path, change, complaint):
    options = [f"--set={name}={value}" for name, value in SMALL.items()]
    arguments = ["--preset=two-moons", *options, "--reward=distance", "--seeds=1", f"--set={change}"]
    before = torch.get_num_threads()
    status, out, err = call("retrain", *arguments, f"--out={tmp_path}/run")
    torch.set_num_threads(before)
    assert (status, out) == (2, "")
    assert complaint in err.splitlines()[-1]
    # Memory runs out only when samples are drawn; the rest is told before anything is trained.
    assert len(err.splitlines()) == 1 or "memory" in complaint


def test_lines_of_progress_estimate_the_time_left():
    lines = retrain._Lines()
    now = [lines.began]
    lines.clock = lambda: now[0]
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrain.click, "echo", lambda text, err: told.append(text))
        lines(0, "first", 0, 0.001)
        now[0] += 600
        lines(0, "first", 0, 0.199)
        lines(0, "half", 1, 0.05)
    # A quarter took ten minutes.
    assert told == ["seed 0, first, round 0: begins", "seed 0, half, round 1: about 30 min left"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG])
def test_no_space_left_is_told_and_leaves_the_last_checkpoint(tmp_path, monkeypatch, code):
    chain = checkpoints.Chain(tmp_path, "me")
    chain.write(state(0))

    def full(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise OSError(code, "refused")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(
        OSError, match=r"no space left to write .*state-00000001.safetensors; what was written before"
    ):
        chain.write(state(1))
    assert chain.latest().position == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_stops_the_command(tmp_path):
    """A limit on the size of files is a full disk as the system tells it."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from theorycheck.cli import main; main()"
    )
    options = [f"--set={name}={value}" for name, value in SMALL.items()]
    done = subprocess.run(
        [sys.executable, "-c", code, "retrain", "--preset=two-moons", *options, f"--out={tmp_path}/run"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no space left to write" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "run").rglob(".*"))


def test_a_loss_that_is_no_number_stops_the_run(call, tmp_path):
    options = [f"--set={name}={value}" for name, value in (SMALL | {"steps": 8}).items()]
    arguments = ["retrain", "--preset=eight-gaussians", "--rounds=2", "--seeds=1", *options]
    before = torch.get_num_threads()
    loss = loop.objective

    def broken(settings):
        goal, calls = loss(settings), []

        def failing(network, clean):
            calls.append(1)
            # Six steps of the first training, then the fifth of the first round.
            return goal.loss(network, clean) * (float("nan") if len(calls) == 11 else 1)

        return goal._replace(loss=failing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "objective", broken)
        status, _, err = call(*arguments, f"--out={tmp_path}/run")
    torch.set_num_threads(before)
    assert status == 2
    last = err.splitlines()[-1]
    assert "the loss became infinite or not a number in seed 0, synthetic, round 1, step 5" in last
    found = checkpoints.Chain(tmp_path / "run/seed-0/synthetic", identity(tmp_path / "run")).latest()
    assert (found.phase, found.position) == ("train", 4)
    assert all(torch.isfinite(t).all() for t in found.network.values())


def identity(out):
    from theorycheck.generative import settings

    return settings.load(out / "settings.toml").identity()


# --- processes that are killed, and several at once --------------------------------------------------------


def script(name, *arguments):
    done = subprocess.run(
        [sys.executable, str(HERE / name), *map(str, arguments)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_killed_run_resumes_bit_by_bit(tmp_path):
    """Killed with signal 9 in training, in generation and halfway through writing a checkpoint."""
    found = json.loads(script("generative_killed.py", tmp_path))
    whole = found.pop("whole")
    assert set(found) == {"training", "generation", "writing"}
    for phase, outcome in found.items():
        assert outcome.pop("killed"), phase
        assert outcome.pop("left") > 0, phase
        assert outcome == whole, phase


def test_two_processes_share_the_batches_and_one_writes(tmp_path):
    # With --cpu, accelerate starts several processes by MPI alone.
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
    launch += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"]
    done = subprocess.run(
        [*launch, str(HERE / "generative_processes.py"), str(tmp_path)],
        env=os.environ | {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1))
    assert first["processes"] == second["processes"] == 2
    assert first["writes"] > 0
    assert second["writes"] == 0
    assert first["weights"] == second["weights"]
    assert first["kept"] == second["kept"]
    assert len(first["batches"]) == len(second["batches"]) > 10
    for (names, step, mine), (_, _, theirs) in zip(first["batches"], second["batches"], strict=True):
        size = {"first": 48, "synthetic": 48, "half": 72}[names.split("/")[1]]
        order = streams.Order(size, names + "/order")
        assert sorted(mine + theirs) == sorted(order[16 * step : 16 * step + 16].tolist())
        assert len(mine) == len(theirs) == 8
    assert len(results.read(tmp_path / "run")) > 0
