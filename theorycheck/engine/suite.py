"""Runs a selection of claims and collects a `Run`."""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from numbers import Integral
from typing import Any

from theorycheck import checks
from theorycheck.engine import budget, catalogue, decide
from theorycheck.engine.executor import Unavailable, chosen
from theorycheck.engine.files import digests
from theorycheck.engine.provenance import code, provenance
from theorycheck.engine.question import Context, Question, place
from theorycheck.engine.resume import kept, restored
from theorycheck.engine.store import Store, Stored
from theorycheck.theorem import Claim, Theorem, instance_id
from theorycheck.verdict import ClaimResult, InstanceResult, Run, TheoremResult, VariantResult

SEED = 20240507
MANY = 20  # claims without draws that are worth a second process
DECIDERS = 16  # instances whose draws are under way at once, at most
Listener = Callable[[str, Theorem, Claim, int], None]
Plan = Callable[[], InstanceResult]
Job = tuple[Theorem, Claim, Mapping[str, Any]]


def verify(
    *targets: str,
    seed: int = SEED,
    alpha: float = budget.ALPHA,
    workers: int | None = None,
    profile: str = "quick",
    fail_fast: bool = False,
    cluster: str | None = None,
    out: str | None = None,
    listener: Listener | None = None,
) -> Run:
    """Decide the claims that the targets name; see `theorycheck.verify`.

    `listener(event, theorem, claim, total)` hears of every instance: event is "begin" or "end", `total` the
    number of instances.
    """
    began = time.perf_counter()
    selection = catalogue.select(targets)
    with running(seed, alpha, workers, profile, selection.files, cluster, out) as context:
        jobs = [
            (theorem, claim, parameters)
            for theorem, claims in selection.claims
            for claim in claims
            for parameters in claim.at(profile)
        ]
        origin = provenance(context.executor.workers)  # before anybody edits the files
        found = decide_instances(jobs, context, fail_fast, listener)
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
        provenance=origin,
        theorems=tuple(theorems),
    )


def decide_instances(
    jobs: list[Job], context: Context, fail_fast: bool = False, listener: Listener | None = None
) -> list[InstanceResult | None]:
    """Each claim at its instance, in order; None for those left out after the first that fails."""
    return _Jobs(context, jobs, fail_fast, listener or (lambda *event: None)).run()


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
    cluster: str | None = None,
    out: str | None = None,
) -> Iterator[Context]:
    """What a run shares, checked; the executor is closed at the end.

    `files` are the theorems from outside the catalogue: they add to the error budget's count. Blocks are
    drawn by `workers` threads, or by the `cluster` at an address. What is done is kept in the folder `out`,
    from where the next run with the same code, seed and settings goes on.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool) or int(seed) < 0:
        raise ValueError(f"seed must be an integer of at least 0, got {seed!r}")
    alpha = checks.real("alpha", alpha, "a number in (0, 1)")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1), got {alpha!r}")
    if profile not in budget.LOOKS:
        raise ValueError(f"profile must be one of {', '.join(budget.LOOKS)}, got {profile!r}")
    with contextlib.ExitStack() as opened:
        executor, store = chosen(workers, cluster), None
        opened.callback(executor.close)
        decisions = budget.count([*catalogue.catalogue(), *files], profile)
        if out is not None:
            modules = {claim.function.__module__ for theorem in files for claim in theorem.claims}
            settings = {"seed": int(seed), "alpha": alpha, "profile": profile}
            store = Store(out, {"command": "verify", **code(), **settings, "files": digests(modules)})
            opened.callback(store.close)
        yield Context(
            int(seed),
            budget.Budget(alpha, decisions, budget.LOOKS[profile]),
            profile,
            executor if store is None else Stored(executor, store),
            store,
        )


class _Jobs:
    """Decides instances. Sampled ones are planned first, and drawn on threads of their own, whose blocks the
    executor spreads; all others are decided on the calling thread meanwhile."""

    def __init__(self, context: Context, jobs: list[Job], fail_fast: bool, listener: Listener) -> None:
        self.context, self.jobs, self.fail_fast, self.listener = context, jobs, fail_fast, listener
        self.stop = threading.Event()
        self.failed: list[BaseException] = []
        self.found: list[InstanceResult | None] = [None] * len(jobs)

    def run(self) -> list[InstanceResult | None]:
        for index in range(len(self.jobs)):
            self._recall(index)
        random = [
            i
            for i, (_, claim, _) in enumerate(self.jobs)
            if decide.is_random(claim.method) and self.found[i] is None
        ]
        # Several at a time: the first looks of one have too few blocks for all workers.
        pool = ThreadPoolExecutor(min(self.context.executor.workers, DECIDERS), "theorycheck-looks")
        looks: list[Future] = []
        here, anywhere = self._by_claim(i for i in range(len(self.jobs)) if i not in {*random})
        try:
            with self._beside(anywhere):
                for index in random:
                    if not self.stop.is_set():
                        plan = plan_instance(*self.jobs[index], self.context)
                        looks.append(pool.submit(self._decide, index, plan))
                for index in itertools.chain(self._taken(here.popleft), self._taken(anywhere.popleft)):
                    self._decide(index, functools.partial(decide_instance, *self.jobs[index], self.context))
            # A plain wait would hold back an interrupt.
            while wait(looks, 0.05).not_done and not self.stop.is_set():
                pass
            if self.failed:
                raise self.failed[0]
        finally:
            self.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return self.found

    def _by_claim(self, indices: Iterable[int]) -> tuple[deque[list[int]], deque[list[int]]]:
        """What is left to decide, one entry a claim: in this process, and in whichever is free."""
        left = (i for i in indices if self.found[i] is None)
        here, anywhere = deque[list[int]](), deque[list[int]]()
        for _, group in itertools.groupby(left, lambda i: id(self.jobs[i][1])):
            claim = [*group]
            (here if decide.stays(self.jobs[claim[0]][1].method) else anywhere).append(claim)
        return here, anywhere

    def _taken(self, take: Callable[[], list[int]]) -> Iterator[int]:
        """What is left to take, claim by claim; an empty deque ends it."""
        while not self.stop.is_set():
            try:
                indices = take()
            except IndexError:
                return
            yield from indices

    @contextlib.contextmanager
    def _beside(self, claims: deque[list[int]]) -> Iterator[None]:
        """Where claims are many and a processor is there, a second process takes them from the far end."""
        known = {id(theorem) for theorem in catalogue.catalogue()}
        if (
            self.context.executor.workers < 2
            or len(claims) < MANY
            or any(id(theorem) not in known for theorem, _, _ in self.jobs)
        ):
            yield
            return
        from theorycheck.engine.beside import Beside

        other = Beside(self.context)

        def work() -> None:
            with contextlib.suppress(Exception):  # `failed` tells
                for index in self._taken(claims.pop):
                    self._decide(index, functools.partial(other.decide, *self.jobs[index]))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
            while thread.is_alive() and not self.stop.is_set():
                thread.join(0.05)
        finally:
            other.close()

    def _recall(self, index: int) -> None:
        """What an earlier run found, if one did."""
        theorem, claim, parameters = self.jobs[index]
        store = self.context.store
        places = store.places(place(theorem, claim, parameters)) if store else []
        if store and places and not self.stop.is_set():
            value = store.read(places[-1])
            self.found[index] = restored(value, instance_id(parameters), parameters, claim.margin)
            self._heard("end", index)

    def _heard(self, event: str, index: int) -> None:
        theorem, claim, _ = self.jobs[index]
        self.listener(event, theorem, claim, len(self.jobs))
        result = self.found[index]
        if result is not None and self.fail_fast and not result.passed:
            self.stop.set()

    def _decide(self, index: int, plan: Plan) -> None:
        if self.stop.is_set():
            return
        self._heard("begin", index)
        try:
            self.found[index] = result = plan()
            if self.context.store:
                self.context.store.put(place(*self.jobs[index]), kept(result))
        except BaseException as error:
            # After a stop nobody waits for the rest, and what it was decided by may be gone.
            if not self.stop.is_set():
                self.failed.append(error)
            self.stop.set()
            raise
        self._heard("end", index)


def decide_instance(
    theorem: Theorem, claim: Claim, parameters: Mapping[str, Any], context: Context
) -> InstanceResult:
    """The claim at one instance, with its rivals and its dropped assumptions."""
    return plan_instance(theorem, claim, parameters, context)()


def plan_instance(theorem: Theorem, claim: Claim, parameters: Mapping[str, Any], context: Context) -> Plan:
    """What `decide_instance` does, in two parts: what must be done on this thread, and the rest."""
    question = Question(theorem, claim, parameters, context)
    variants = [list(question.rivals()), list(question.dropped())]
    module = decide.method(claim.method)
    plan = getattr(module, "plan", lambda q: functools.partial(module.decide, q))
    clock = time.perf_counter
    with _naming(question):
        began = clock()
        claimed = plan(question)
        planned = [[(str(q.variant), plan(q)) for q in group] for group in variants]
        spent = clock() - began

    def finish() -> InstanceResult:
        began = clock()
        with _naming(question):
            finding = claimed()
            rivals, without = (
                tuple(VariantResult(name, rest()) for name, rest in group) for group in planned
            )
        return InstanceResult(
            id=instance_id(parameters),
            parameters=parameters,
            finding=finding,
            margin=claim.margin,
            seconds=spent + clock() - began,
            rivals=rivals,
            without=without,
        )

    return finish


@contextlib.contextmanager
def _naming(question: Question) -> Iterator[None]:
    """Errors from a claim's own code, told with the claim's name."""
    try:
        yield
    except Unavailable:
        raise
    except (Exception, SystemExit) as error:
        key, claim, instance = question.names
        raise ClaimError(
            f"{key}::{claim}[{instance}] cannot be decided: {type(error).__name__}: {error}"
        ) from error
