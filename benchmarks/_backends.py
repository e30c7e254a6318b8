"""torch and JAX, where they are installed, by one interface: all paths at once, double precision."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

# A generation: model and random key to the next model (torch takes no key).
Step = Callable[[Any, Any], Any]


class Backend(NamedTuple):
    """What the loops need of a package; its arrays know `mean`, `sum` and `@` themselves."""

    name: str
    arrays: Any  # the module of its functions
    normal: Callable[[Any, tuple[int, ...]], Any]
    uniform: Callable[[Any, tuple[int, ...]], Any]
    chi_square: Callable[[Any, float, tuple[int, ...]], Any]
    poisson: Callable[[Any, Any], Any]  # of an array of means
    tally: Callable[[Any, int], Any]  # how often each number below a bound occurs, as a double
    split: Callable[[Any, int], Any]  # a key into keys
    loop: Callable[[Callable[[Any], Any], Step, int], Callable[[], Any]]  # start and step to what is timed


def installed(name: str) -> ModuleType | None:
    """A package, if it is there."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def backends() -> Iterator[Backend]:
    """Those that are installed."""
    for name, backend in (("torch", _torch), ("jax", _jax)):
        if installed(name):
            yield backend()


@functools.cache
def _torch() -> Backend:
    torch: Any = importlib.import_module("torch")

    def loop(start: Callable[[Any], Any], step: Step, steps: int) -> Callable[[], Any]:
        def run() -> Any:
            model = start(None)
            for _ in range(steps):
                model = step(model, None)
            return model

        return run

    return Backend(
        "torch",
        torch,
        lambda key, shape: torch.randn(shape, dtype=torch.float64),
        lambda key, shape: torch.rand(shape, dtype=torch.float64),
        lambda key, freedom, shape: (
            2 * torch._standard_gamma(torch.full(shape, freedom / 2, dtype=torch.float64))
        ),
        lambda key, mean: torch.poisson(mean),
        lambda x, bound: torch.bincount(x, minlength=bound).double(),
        lambda key, count: (None,) * count,
        loop,
    )


@functools.cache
def _jax() -> Backend:
    jax: Any = importlib.import_module("jax")
    jnp: Any = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)

    def loop(start: Callable[[Any], Any], step: Step, steps: int) -> Callable[[], Any]:
        """Compiled as a whole; a new key each time, as torch's state moves on."""

        @jax.jit
        def compiled(key: Any) -> Any:
            first, *rest = jax.random.split(key, steps + 1)
            return jax.lax.scan(lambda model, k: (step(model, k), None), start(first), jnp.stack(rest))[0]

        keys = iter(range(2**31))
        return lambda: jax.block_until_ready(compiled(jax.random.key(next(keys))))

    return Backend(
        "JAX",
        jnp,
        lambda key, shape: jax.random.normal(key, shape, dtype=jnp.float64),
        lambda key, shape: jax.random.uniform(key, shape, dtype=jnp.float64),
        lambda key, freedom, shape: jax.random.chisquare(key, freedom, shape, dtype=jnp.float64),
        lambda key, mean: jax.random.poisson(key, mean).astype(jnp.float64),
        lambda x, bound: jnp.bincount(x, length=bound).astype(jnp.float64),
        jax.random.split,
        loop,
    )
