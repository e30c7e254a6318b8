"""Runs a tiny loop to its end, and three more times with a kill -9 on the way: prints what each left behind.

Each run is a forked process, so that torch is loaded once.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import torch
from test_generative_loop import PLANE

from theorycheck.generative import checkpoints, generation, runs, training


def forked(work):
    """The exit status of `work` in a process of its own; negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(owner, name, call, half=None):
    """Replace a function: its `call`-th call does `half` of its work and dies."""
    original, calls = getattr(owner, name), []

    def replacement(*arguments, **keywords):
        calls.append(1)
        if len(calls) == call:
            if half:
                half(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **keywords)

    setattr(owner, name, replacement)


def half_written(tensors, path, metadata):
    Path(path).write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")


DEATHS = {
    # 6 steps of the first training, 4 of the first round, 3 of the second: just after a checkpoint.
    "training": lambda: die_at(training.Trainer, "_step", 13),
    # Three chunks are measured a round; with K = 4 the second loop's first round takes six.
    "generation": lambda: die_at(generation.Generator, "draw", 14),
    "writing": lambda: die_at(checkpoints, "save_file", 8, half_written),
}


def left_behind(out):
    digest = hashlib.sha256()
    for name in ("synthetic", "half"):
        found = checkpoints.Chain(out / "seed-0" / name, PLANE.identity()).latest()
        for key, tensor in sorted(found.network.items()):
            digest.update(key.encode() + tensor.numpy().tobytes())
    return {"weights": digest.hexdigest(), "results": (out / "results.csv").read_text()}


def main(folder):
    torch.set_num_threads(1)
    found = {}
    assert forked(lambda: runs.run(PLANE, folder / "whole", (0,), command="x")) == 0
    found["whole"] = left_behind(folder / "whole")
    for phase, prepare in DEATHS.items():
        out = folder / phase

        def dying(prepare=prepare, out=out):
            prepare()
            runs.run(PLANE, out, (0,), command="x")

        killed = forked(dying) == -signal.SIGKILL
        left = len(list(out.rglob("state-*")))
        assert forked(lambda out=out: runs.run(PLANE, out, (0,), command="x")) == 0
        found[phase] = {"killed": killed, "left": left, **left_behind(out)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
