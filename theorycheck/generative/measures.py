"""What is measured of a model, round by round, on samples that nobody curated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from theorycheck.generative.classifier import Judgement
from theorycheck.generative.data import SPREAD, Source

PROJECTIONS = 200  # directions of the sliced distance
NEIGHBOURS = 3  # k of precision and recall (Kynkäänniemi et al. 2019)
LARGEST_MANIFOLD = 5_000  # samples on each side of precision and recall
_TRANSPORTED = 500  # points on each side of W₁, which solves a linear programme
MODE_RADIUS = 4 * SPREAD  # a point belongs to a mode within this distance of its centre
COVERED = 0.25  # a mode is covered if it has this part of its real share
_CHUNK = 256


class View(NamedTuple):
    """Samples of a model beside real ones held out; what does not apply is None.

    `rewards` have shape (N,); features, of samples and of the held-out split, (N, f) and (m, f).
    """

    source: Source
    samples: Tensor
    rewards: Tensor | None = None
    judgement: Judgement | None = None
    features: np.ndarray | None = None
    real_features: np.ndarray | None = None


Measures = dict[str, float]


def measure(view: View) -> Measures:
    """All measures that apply."""
    return {name: float(value) for part in PARTS for name, value in part(view).items()}


def of_reward(view: View) -> Measures:
    """E r, E e^r and Var e^r."""
    if view.rewards is None:
        return {}
    r = view.rewards.double()
    return {
        "mean_reward": r.mean().item(),
        "mean_exp_reward": r.exp().mean().item(),
        "var_exp_reward": r.exp().var().item(),
    }


def of_classes(view: View) -> Measures:
    """Shares of the classes that the classifier sees, and their entropy in nats."""
    if view.judgement is None or not view.source.levels:
        return {}
    found = view.judgement.probabilities.argmax(dim=1)
    shares = torch.bincount(found, minlength=view.source.classes).double() / len(found)
    entropy = -(shares[shares > 0] * shares[shares > 0].log()).sum().item()
    return {**{f"class_{c}": float(s) for c, s in enumerate(shares)}, "class_entropy": entropy}


def of_modes(view: View) -> Measures:
    """Share of the samples near each centre, and how many centres have a quarter of their real share."""
    if view.source.modes is None:
        return {}
    near = torch.cdist(view.samples.double(), view.source.modes.double()) <= MODE_RADIUS
    shares = near.double().mean(dim=0)
    covered = int((shares >= COVERED / len(shares)).sum())
    return {**{f"mode_{m}": float(s) for m, s in enumerate(shares)}, "modes_covered": covered}


def of_transport(view: View) -> Measures:
    """W₁ and sliced W₂ to held-out points, in the plane (by POT)."""
    if view.source.levels:
        return {}
    from ot import emd2
    from ot.sliced import sliced_wasserstein_distance

    samples, real = (points.double().numpy() for points in (view.samples, view.source.held_out))
    real = real[: len(samples)]
    few, few_real = samples[:_TRANSPORTED], real[:_TRANSPORTED]
    return {
        "w1": emd2([], [], cdist(few, few_real)),
        "sliced_w2": sliced_wasserstein_distance(samples, real, n_projections=PROJECTIONS, p=2, seed=0),
    }


def of_features(view: View) -> Measures:
    """Fréchet distance, precision and recall between features of samples and of held-out images."""
    if view.features is None or view.real_features is None or not view.source.levels:
        return {}
    precision, recall = precision_and_recall(view.real_features, view.features)
    return {
        "frechet": frechet(view.real_features, view.features),
        "precision": precision,
        "recall": recall,
    }


PARTS: tuple[Callable[[View], Measures], ...] = (of_reward, of_classes, of_modes, of_transport, of_features)


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """‖m₁ − m₂‖² + tr(C₁ + C₂ − 2(C₁C₂)^{½}) of the normal laws fitted to two sets of features.

    The trace of the root is the sum of the roots of the eigenvalues of C₁^{½} C₂ C₁^{½}.
    """
    means, covariances = zip(
        *((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second)), strict=True
    )
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ covariances[1] @ root)
    distance = np.sum((means[0] - means[1]) ** 2) + sum(map(np.trace, covariances))
    return max(0.0, float(distance - 2 * np.sqrt(np.maximum(cross, 0)).sum()))


def precision_and_recall(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Share of generated points inside the real manifold, and of real points inside the generated one.

    A manifold is the union of the balls around its points that reach to their third neighbour.
    """
    real, generated = real[:LARGEST_MANIFOLD], generated[:LARGEST_MANIFOLD]
    return _inside(generated, real), _inside(real, generated)


def _inside(points: np.ndarray, manifold: np.ndarray) -> float:
    a, b = torch.from_numpy(points), torch.from_numpy(manifold)
    radii = torch.cat([torch.cdist(p, b).kthvalue(NEIGHBOURS + 1).values for p in b.split(_CHUNK)])
    inside = torch.cat([(torch.cdist(p, b) <= radii).any(dim=1) for p in a.split(_CHUNK)])
    return inside.double().mean().item()


def own_features(path: str | Path, device: torch.device) -> Callable[[Tensor], np.ndarray]:
    """Features by a TorchScript network of the user's: uint8 images (N, 3, H, W) to (N, f).

    NVIDIA's inception-2015-12-05.pt is one. Raises ValueError, with one sentence, if it cannot be loaded or
    does not give features.
    """
    try:
        network = torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"features {path} cannot be loaded as TorchScript") from error

    @torch.no_grad()
    def features(images: Tensor) -> np.ndarray:
        parts = []
        for part in images.split(_CHUNK):
            rgb = part.to(device).expand(-1, 3, -1, -1)
            try:
                parts.append(_call(network, rgb).float().cpu())
            except (RuntimeError, TypeError) as error:
                raise ValueError(f"features {path} cannot read images of shape {tuple(rgb.shape)}") from error
        found = torch.cat(parts)
        if found.dim() != 2 or len(found) != len(images):
            raise ValueError(f"features {path} must give one row an image, got shape {tuple(found.shape)}")
        return found.double().numpy()

    return features


def _call(network: Callable, images: Tensor) -> Tensor:
    try:
        return network(images, return_features=True)
    except (RuntimeError, TypeError):
        return network(images)
