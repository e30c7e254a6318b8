"""A second process for claims without draws: algebra holds the interpreter's lock, which threads share.

The process is asked and answers in lines of JSON, and ends with its standard input, whatever ends this one.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from theorycheck.engine import catalogue, suite
from theorycheck.engine.budget import Budget
from theorycheck.engine.executor import Executor, Unavailable
from theorycheck.engine.question import Context
from theorycheck.engine.resume import kept, restored
from theorycheck.theorem import Claim, Theorem, instance_id
from theorycheck.verdict import InstanceResult

ROOT = Path(__file__).resolve().parents[2]


class Beside:
    """The process; it knows the catalogue, and no theorem from elsewhere."""

    def __init__(self, context: Context) -> None:
        self._settings: dict[str, Any] = {
            "seed": context.seed,
            "profile": context.profile,
            "budget": asdict(context.budget),
        }
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import answer; answer()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"},
            encoding="utf-8",
            start_new_session=True,  # an interrupt at the terminal is for this process
        )

    def decide(self, theorem: Theorem, claim: Claim, parameters: Mapping[str, Any]) -> InstanceResult:
        """The claim at one of its instances; ClaimError if the claim's own code fails."""
        at = claim.at(self._settings["profile"])
        number = next(i for i, instance in enumerate(at) if instance is parameters)
        asked = {"key": theorem.key, "claim": claim.id, "instance": number, **self._settings}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            told = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the second process ended while it decided {theorem.key}::{claim.id}"
            ) from error
        if "error" in told:
            raise suite.ClaimError(told["error"])
        return restored(told, instance_id(parameters), parameters, claim.margin)

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.communicate()


def answer() -> None:
    """What the second process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where there are no sessions
    said, sys.stdout = sys.stdout, sys.stderr
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            asked.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        print(json.dumps(_decided(**json.loads(asked.get()))), file=said, flush=True)


def _decided(
    key: str, claim: str, instance: int, seed: int, profile: str, budget: dict[str, Any]
) -> dict[str, Any]:
    theorem = catalogue.find(key)
    chosen = next(c for c in theorem.claims if c.id == claim)
    context = Context(seed, Budget(**budget), profile, Executor(1))
    try:
        return kept(suite.decide_instance(theorem, chosen, chosen.at(profile)[instance], context))
    except ValueError as error:
        return {"error": str(error)}
    finally:
        context.executor.close()
