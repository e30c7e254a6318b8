"""Runs a selection of claims and collects a `Run`."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from numbers import Integral, Real
from typing import Any

from theorycheck.engine import budget, catalogue, decide
from theorycheck.engine.executor import Executor
from theorycheck.engine.provenance import provenance
from theorycheck.engine.question import Context, Question
from theorycheck.theorem import Claim, Theorem, instance_id
from theorycheck.verdict import ClaimResult, InstanceResult, Run, TheoremResult, VariantResult

SEED = 20240507
Listener = Callable[[str, Theorem, Claim, int], None]


def verify(
    *targets: str,
    seed: int = SEED,
    alpha: float = budget.ALPHA,
    workers: int | None = None,
    profile: str = "quick",
    fail_fast: bool = False,
    listener: Listener | None = None,
) -> Run:
    """Decide the claims that the targets name; see `theorycheck.verify`.

    `listener(event, theorem, claim, total)` hears of every instance: event is "begin" or "end", `total` the
    number of instances.
    """
    began = time.perf_counter()
    selection = catalogue.select(targets)
    with running(seed, alpha, workers, profile, selection.files) as context:
        jobs = [
            (theorem, claim, parameters)
            for theorem, claims in selection.claims
            for claim in claims
            for parameters in claim.at(profile)
        ]
        found = _Jobs(context, jobs, fail_fast, listener or (lambda *event: None)).run()
    theorems = []
    for theorem, claims in selection.claims:
        results = []
        for claim in claims:
            instances = tuple(
                r for (_, c, _), r in zip(jobs, found, strict=True) if c is claim and r is not None
            )
            if instances:
                results.append(ClaimResult(claim.id, claim.statement, claim.method, instances))
        if results:
            theorems.append(_theorem_result(theorem, tuple(results)))
    return Run(
        seed=context.seed,
        alpha=context.budget.alpha,
        profile=profile,
        seconds=time.perf_counter() - began,
        provenance=provenance(context.executor.workers),
        theorems=tuple(theorems),
    )


class ClaimError(ValueError):
    """A claim's own code failed: the message names the claim and the error."""


def _theorem_result(theorem: Theorem, claims: tuple[ClaimResult, ...]) -> TheoremResult:
    return TheoremResult(
        theorem.key,
        theorem.title,
        theorem.source.label,
        theorem.statement,
        tuple((a.id, a.text) for a in theorem.assumptions),
        claims,
    )


@contextlib.contextmanager
def running(
    seed: Any = SEED,
    alpha: Any = budget.ALPHA,
    workers: Any = None,
    profile: str = "quick",
    files: Iterable[Theorem] = (),
) -> Iterator[Context]:
    """What a run shares, checked; the executor is closed at the end.

    `files` are the theorems from outside the catalogue: they add to the error budget's count.
    """
    workers = workers if workers is not None else os.cpu_count() or 1
    if not isinstance(seed, Integral) or isinstance(seed, bool) or int(seed) < 0:
        raise ValueError(f"seed must be an integer of at least 0, got {seed!r}")
    if not isinstance(alpha, Real) or not 0 < float(alpha) < 1:
        raise ValueError(f"alpha must lie in (0, 1), got {alpha!r}")
    if not isinstance(workers, Integral) or isinstance(workers, bool) or int(workers) < 1:
        raise ValueError(f"workers must be an integer of at least 1, got {workers!r}")
    if profile not in budget.LOOKS:
        raise ValueError(f"profile must be one of {', '.join(budget.LOOKS)}, got {profile!r}")
    decisions = budget.count([*catalogue.catalogue(), *files], profile)
    executor = Executor(int(workers))
    try:
        yield Context(
            int(seed), budget.Budget(float(alpha), decisions, budget.LOOKS[profile]), profile, executor
        )
    finally:
        executor.close()


class _Jobs:
    """Decides instances: sampled ones on a thread of their own, whose blocks the executor spreads, and all
    others on the calling thread meanwhile."""

    def __init__(self, context: Context, jobs: list, fail_fast: bool, listener: Listener) -> None:
        self.context, self.jobs, self.fail_fast, self.listener = context, jobs, fail_fast, listener
        self.stop = threading.Event()
        self.found: list[InstanceResult | None] = [None] * len(jobs)

    def run(self) -> list[InstanceResult | None]:
        random = [i for i, (_, claim, _) in enumerate(self.jobs) if decide.is_random(claim.method)]
        others = [i for i in range(len(self.jobs)) if i not in set(random)]
        done: Future = Future()
        thread = threading.Thread(target=self._beside, args=(random, done), daemon=True)
        thread.start()
        try:
            self._decide(others)
            while not done.done():
                # A plain wait would hold back an interrupt.
                thread.join(0.05)
            done.result()
        finally:
            self.stop.set()
        return self.found

    def _beside(self, indices: list[int], done: Future) -> None:
        try:
            self._decide(indices)
            done.set_result(None)
        except BaseException as error:
            self.stop.set()
            done.set_exception(error)

    def _decide(self, indices: list[int]) -> None:
        for index in indices:
            if self.stop.is_set():
                return
            theorem, claim, parameters = self.jobs[index]
            self.listener("begin", theorem, claim, len(self.jobs))
            result = decide_instance(theorem, claim, parameters, self.context)
            self.found[index] = result
            self.listener("end", theorem, claim, len(self.jobs))
            if self.fail_fast and not result.passed:
                self.stop.set()


def decide_instance(
    theorem: Theorem, claim: Claim, parameters: Mapping[str, Any], context: Context
) -> InstanceResult:
    """The claim at one instance, with its rivals and its dropped assumptions."""
    began = time.perf_counter()
    question = Question(theorem, claim, parameters, context)
    decider = decide.method(claim.method).decide
    try:
        finding = decider(question)
        rivals = tuple(VariantResult(str(q.variant), decider(q)) for q in question.rivals())
        without = tuple(VariantResult(str(q.variant), decider(q)) for q in question.dropped())
    except Exception as error:
        raise ClaimError(
            f"{theorem.key}::{claim.id}[{instance_id(parameters)}] cannot be decided: "
            f"{type(error).__name__}: {error}"
        ) from error
    return InstanceResult(
        id=instance_id(parameters),
        parameters=parameters,
        finding=finding,
        margin=claim.margin,
        seconds=time.perf_counter() - began,
        rivals=rivals,
        without=without,
    )
