"""The parts of trained models against exact oracles: a known denoiser, a softmax, brute force."""

import dataclasses
import io
import struct

import numpy as np
import pytest
from scipy import linalg, optimize, special, stats

torch = pytest.importorskip("torch", reason="needs torch: pip install 'theorycheck[torch]'")

from theorycheck.generative import (  # noqa: E402
    curation,
    data,
    measures,
    models,
    objectives,
    presets,
    rewards,
    streams,
)

PLANE = presets.preset("eight-gaussians")
MEAN, SPREAD = 0.4, 0.7  # of one-dimensional normal data, each coordinate alike


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- objectives: the best network for normal data is known ------------------------------------------------


def posterior(x, signal, noise):
    """E[clean | x] where x = signal·clean + noise·N(0, 1) and clean is normal."""
    return MEAN + signal * SPREAD**2 * (x - signal * MEAN) / (signal**2 * SPREAD**2 + noise**2)


def ddpm_network(x, time):
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    kept = torch.cumprod(1 - beta, 0)[time.long()][:, None].to(x)
    return (x - kept.sqrt() * posterior(x, kept.sqrt(), (1 - kept).sqrt())) / (1 - kept).sqrt()


def edm_network(spread):
    low, high = np.log(0.002) / 4, np.log(80) / 4

    def network(scaled, time):
        sigma = torch.exp(4 * (low + (high - low) * time[:, None] / 1000))
        total = (sigma**2 + spread**2).sqrt()
        x = scaled * total
        return (posterior(x, 1, sigma) - spread**2 / total**2 * x) / (sigma * spread / total)

    return network


def flow_network(x, time):
    sigma = time[:, None] / 1000
    clean = posterior(x, 1 - sigma, sigma)
    # x = (1 − σ)·clean + σ·noise, so noise − clean = (x − clean)/σ.
    return (x - clean) / sigma


def exact(model, steps=200):
    settings = PLANE.replace(model=model, sampling_steps=steps, sigma_data=0.8)
    network = {"ddpm": ddpm_network, "edm": edm_network(0.8), "flow": flow_network}[model]
    return objectives.objective(settings), network


@pytest.mark.parametrize("model", ["ddpm", "edm", "flow"])
def test_the_exact_network_samples_the_exact_law(model):
    objective, network = exact(model)
    streams.draw_from("noise", model)
    samples = objective.sample(network, torch.randn(4000, 2)).double().numpy()
    # Deterministic solvers map the noise by an increasing affine map: the law is normal, up to the solver.
    assert abs(samples.mean() - MEAN) < 0.03
    assert abs(samples.std() - SPREAD) < 0.03
    assert (
        stats.kstest(samples[:, 0], stats.norm(samples[:, 0].mean(), samples[:, 0].std()).cdf).pvalue > 1e-4
    )


@pytest.mark.parametrize("model", ["ddpm", "edm"])
def test_the_exact_network_has_the_least_loss(model):
    objective, network = exact(model)
    streams.draw_from("clean", model)
    clean = MEAN + SPREAD * torch.randn(20_000, 2)

    def loss(changed):
        streams.draw_from("loss", model)
        return float(objective.loss(changed, clean))

    best = loss(network)
    for shift in (-0.2, 0.2):
        assert loss(lambda x, t, s=shift: network(x, t) + s) > best + 0.02
        assert loss(lambda x, t, s=shift: network(x, t) * (1 + s)) > best


def test_edm_weighs_the_error_of_the_denoiser():
    objective, _ = exact("edm")
    clean = torch.randn(7, 2)
    streams.draw_from("weights")
    found = float(objective.loss(lambda x, t: torch.zeros_like(x), clean))
    streams.draw_from("weights")
    sigma = torch.exp(-1.2 + 1.2 * torch.randn(7))[:, None]
    noisy = clean + sigma * torch.randn(7, 2)
    denoised = 0.64 / (0.64 + sigma**2) * noisy
    assert found == pytest.approx(
        float(((sigma**2 + 0.64) / (sigma * 0.8) ** 2 * (denoised - clean) ** 2).mean()), rel=1e-5
    )


def test_flow_pairs_noise_with_data_at_the_least_cost():
    rng = torch.Generator().manual_seed(3)
    noise, clean = (torch.randn(40, 1, 3, 3, generator=rng) for _ in range(2))
    pairing = objectives.transported(noise, clean)
    cost = ((clean.flatten(1)[:, None] - noise.flatten(1)[None]) ** 2).sum(dim=2).double().numpy()
    rows, columns = optimize.linear_sum_assignment(cost)
    assert sorted(pairing.tolist()) == list(range(40))
    assert cost[np.arange(40), pairing].sum() == pytest.approx(cost[rows, columns].sum(), rel=1e-6)


def test_networks_keep_the_shape():
    assert models.network(PLANE, (2,))(torch.zeros(3, 2), torch.zeros(3)).shape == (3, 2)
    digits = presets.preset("digits").replace(attention=(4,))
    net = models.network(digits, (1, 8, 8))
    assert net(torch.zeros(2, 1, 8, 8), torch.ones(2)).shape == (2, 1, 8, 8)
    assert any("attentions" in name for name, _ in net.named_parameters())
    with pytest.raises(ValueError, match="size must be a multiple of 2 for 2 resolutions, got 9"):
        models.network(digits.replace(size=9), (1, 9, 9))


# --- streams -----------------------------------------------------------------------------------------------


def test_every_epoch_visits_each_sample_once_wherever_it_is_entered():
    order = streams.Order(7, "order")
    whole = order[0:35]
    for epoch in range(5):
        assert sorted(whole[7 * epoch : 7 * epoch + 7]) == list(range(7))
    assert not (whole[:7] == whole[7:14]).all()
    np.testing.assert_array_equal(streams.Order(7, "order")[19:30], whole[19:30])
    assert not (streams.Order(7, "other")[0:35] == whole).all()


def test_streams_are_told_apart_by_name():
    assert (
        len({streams.number(*names) for names in [(1, 2), (12,), (2, 1), ("1/2", ""), ("1", "2", "")]}) >= 4
    )
    assert streams.number(1, "a") == streams.number("1", "a") < 2**63


# --- curation and rewards ----------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(0.0, 1.0), (0.3, -2.0, 1.1, 0.3), (0.0,), (1000.0, 999.0)])
def test_users_choose_by_bradley_terry(values):
    groups = 40_000
    rewards_of_all = torch.tensor(values).expand(groups, -1)
    index = curation.choose(rewards_of_all, "choice", streams.generator("choice", values))
    counts = np.bincount(index.numpy(), minlength=len(values))
    expected = groups * special.softmax(values)
    assert stats.chisquare(counts, expected).pvalue > 1e-6 if len(values) > 1 else counts[0] == groups


def test_score_keeps_the_best():
    generator = streams.generator("score")
    found = torch.randn(50, 6, generator=generator)
    index = curation.choose(found, "score", generator)
    assert (found[torch.arange(50), index][:, None] >= found).all()


def test_shuffled_rewards_are_the_same_rewards_elsewhere():
    found = torch.arange(400.0).reshape(100, 4)
    shuffled = curation.shuffle(found, streams.generator("shuffle"))
    assert sorted(shuffled.flatten().tolist()) == found.flatten().tolist()
    assert (shuffled != found).double().mean() > 0.9
    # Not within groups alone: those keep their rewards' rank among all.
    assert (shuffled.sort(dim=1).values != found).double().mean() > 0.9


def test_rewards_are_those_of_the_paper():
    probabilities = torch.tensor([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])
    assert rewards.from_probabilities("confidence", probabilities).tolist() == pytest.approx([0.5, 0.9])
    assert rewards.from_probabilities("class:2", probabilities).tolist() == pytest.approx([1.5, 0.25])
    with pytest.raises(ValueError, match="reward must name a class from 0 to 2, got 'class:3'"):
        rewards.from_probabilities("class:3", probabilities)
    points = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    assert rewards.from_distance(points, (0.0, 0.0), 1.0).tolist() == pytest.approx([-40, 0, 0])
    with pytest.raises(ValueError, match="target must be a point of 2 coordinates"):
        rewards.from_distance(points, (1.0,), 1.0)


# --- measures ----------------------------------------------------------------------------------------------


def test_frechet_is_the_distance_of_fitted_normals():
    rng = np.random.default_rng(0)
    first, second = (
        rng.standard_normal((200, 5)),
        rng.standard_normal((150, 5)) @ rng.standard_normal((5, 5)) + 1,
    )
    m = first.mean(axis=0) - second.mean(axis=0)
    c = [np.cov(x, rowvar=False) for x in (first, second)]
    expected = m @ m + np.trace(c[0] + c[1] - 2 * np.real(linalg.sqrtm(c[0] @ c[1])))
    assert measures.frechet(first, second) == pytest.approx(expected, rel=1e-8)
    assert measures.frechet(first, first) == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_against_brute_force():
    rng = np.random.default_rng(1)
    real, generated = rng.standard_normal((60, 3)), 0.5 * rng.standard_normal((50, 3)) + 0.5

    def inside(points, manifold):
        distance = np.linalg.norm(manifold[:, None] - manifold[None], axis=2)
        radii = np.sort(distance, axis=1)[:, 3]
        return np.mean((np.linalg.norm(points[:, None] - manifold[None], axis=2) <= radii).any(axis=1))

    precision, recall = measures.precision_and_recall(real, generated)
    assert (precision, recall) == (inside(generated, real), inside(real, generated))
    assert recall < precision


def test_modes_and_transport_of_known_points():
    source = data.source(PLANE)
    found = measures.measure(measures.View(source, source.held_out[:2000]))
    assert found["modes_covered"] == 8
    assert all(0.09 < found[f"mode_{m}"] < 0.16 for m in range(8))
    assert found["w1"] < 0.3
    assert found["sliced_w2"] < 0.1
    one = source.modes[:1] + 0.01 * torch.randn(500, 2, generator=streams.generator("mode"))
    found = measures.measure(measures.View(source, one))
    assert (found["modes_covered"], found["mode_0"]) == (1, 1)
    # All mass on one mode: each of the others is carried over its distance.
    distances = torch.linalg.vector_norm(source.modes - source.modes[0], dim=1)
    assert found["w1"] == pytest.approx(float(distances.mean()), rel=0.1)


def test_rewards_and_classes_are_measured():
    source = dataclasses.replace(data.source(presets.preset("digits")))
    probabilities = torch.eye(10)[torch.tensor([0, 0, 3, 3])]
    judgement = measures.Judgement(torch.zeros(4, 2), probabilities)
    view = measures.View(source, source.train[:4], torch.tensor([0.0, 1.0, 1.0, 2.0]), judgement)
    found = measures.measure(view)
    assert found["mean_reward"] == 1
    assert found["mean_exp_reward"] == pytest.approx(np.mean(np.exp([0, 1, 1, 2])))
    assert found["var_exp_reward"] == pytest.approx(np.var(np.exp([0, 1, 1, 2]), ddof=1))
    assert (found["class_0"], found["class_3"], found["class_1"]) == (0.5, 0.5, 0)
    assert found["class_entropy"] == pytest.approx(np.log(2))


class Flat(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().flatten(1)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_features_may_be_the_users_own(tmp_path):
    torch.jit.script(Flat()).save(str(tmp_path / "flat.pt"))
    features = measures.own_features(tmp_path / "flat.pt", torch.device("cpu"))
    assert features(torch.ones(3, 1, 2, 2, dtype=torch.uint8)).shape == (3, 12)
    (tmp_path / "not.pt").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"features .*not.pt cannot be loaded as TorchScript"):
        measures.own_features(tmp_path / "not.pt", torch.device("cpu"))


# --- data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["eight-gaussians", "two-moons", "digits"])
def test_data_are_scaled_and_come_back(name):
    source = data.source(presets.preset(name))
    encoded = source.encode(source.train)
    back = source.decode(encoded)
    assert torch.allclose(back.float(), source.train.float(), atol=1e-6)
    if source.levels:
        assert (encoded.min(), encoded.max()) == (-1, 1)
        assert torch.equal(back, source.train)
    else:
        assert float(encoded.std(dim=0).square().mean()) == pytest.approx(1, abs=1e-3)


def test_the_digits_are_split_for_good():
    source = data.source(presets.preset("digits"))
    assert len(source.train) + len(source.held_out) == 1797
    train = {row.numpy().tobytes() for row in source.train}
    assert not any(row.numpy().tobytes() in train for row in source.held_out)
    subset = source.real(100, 5)
    assert len({row.numpy().tobytes() for row in subset}) == 100
    assert torch.equal(subset, source.real(100, 5))
    assert not torch.equal(subset, source.real(100, 6))
    with pytest.raises(ValueError, match="real must be at most 1198, what digits has to train on, got 2000"):
        source.real(2000)


def test_eight_gaussians_have_their_moments():
    source = data.source(PLANE)
    offsets = source.train - source.modes[source.train_labels]
    assert float(offsets.std()) == pytest.approx(0.1, rel=0.02)
    assert torch.bincount(source.train_labels).min() > 5800
    assert torch.linalg.vector_norm(source.modes, dim=1).numpy() == pytest.approx(2)


def picture(path, size, colour=(200, 30, 10)):
    from PIL import Image

    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", size, colour).save(path)


def png():
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "PNG")
    return file.getvalue()


PNG = png()


def folder_settings(folder):
    return presets.default(f"folder:{folder}", "edm").replace(size=8)


def test_a_folder_of_images(tmp_path):
    for index in range(40):
        picture(tmp_path / "ab"[index % 2] / f"{index:02}.png", (16, 16), (index, 255, 0))
    source = data.source(folder_settings(tmp_path))
    assert (len(source.train), len(source.held_out), source.classes) == (36, 4, 2)
    assert source.shape == (3, 8, 8)
    assert (source.train[:, 1] == 255).all()
    assert sorted([*source.train[:, 0, 0, 0].tolist(), *source.held_out[:, 0, 0, 0].tolist()]) == list(
        range(40)
    )


@pytest.mark.parametrize(
    ("odd", "complaint"),
    [
        ((16, 12), "images must all be of one size: .*odd.png is 16×12"),
        (b"not a picture", r"odd.png cannot be read as an image"),
        # The length of the pixels' chunk is not what follows: a SyntaxError to Pillow.
        (PNG[:36] + b"\x01" + PNG[37:], r"odd.png cannot be read as an image"),
        (
            b"BM" + struct.pack("<8xIIiiHHII16x", 54, 40, 40_000, 40_000, 1, 24, 0, 0),
            "odd.png cannot be read",
        ),
    ],
    ids=["mixed", "text", "broken", "huge"],
)
def test_images_of_mixed_size_are_refused(tmp_path, odd, complaint):
    for index in range(45):
        picture(tmp_path / f"{index:02}.png", (16, 16))
    if isinstance(odd, bytes):
        (tmp_path / "odd.png").write_bytes(odd)
    else:
        picture(tmp_path / "odd.png", odd)
    with pytest.raises(ValueError, match=complaint):
        data.source(folder_settings(tmp_path))


@pytest.mark.parametrize(
    ("size", "count", "complaint"),
    [
        ((16, 12), 45, "images must be square and at least 8×8 pixels, got 16×12"),
        ((4, 4), 45, "images must be square and at least 8×8 pixels, got 4×4"),
        ((16, 16), 39, r"must hold at least 40 images"),
        (None, 0, "is not a directory of images"),
    ],
)
def test_other_folders_are_refused(tmp_path, size, count, complaint):
    for index in range(count):
        picture(tmp_path / "set" / f"{index:02}.png", size)
    with pytest.raises(ValueError, match=complaint):
        data.source(folder_settings(tmp_path / "set"))


def test_a_source_without_its_directory_is_told():
    with pytest.raises(ValueError, match="data must name a directory, as --data cifar10:DIR"):
        data.source(presets.preset("cifar10-flow"))
    with pytest.raises(ValueError, match="size must be 8 for digits, got 16"):
        data.source(presets.preset("digits").replace(size=16))
