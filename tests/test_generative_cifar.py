"""CIFAR-10's binary files: read as written, refused when truncated, altered, pickled or elsewhere."""

import urllib.error

import cifar_files
import numpy as np
import pytest

from theorycheck.generative import cifar


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return cifar_files.write(tmp_path_factory.mktemp("cifar"))


@pytest.fixture
def copy(original, tmp_path):
    """Links to the files, of which a test may replace one."""
    place = tmp_path / "copy"
    place.mkdir()
    for path in original.iterdir():
        (place / path.name).symlink_to(path)
    return place


def test_images_and_labels_are_read_as_the_format_says(original):
    (images, labels), (held_out, held_out_labels) = cifar.load(original)
    assert images.shape == (50_000, 3, 32, 32)
    assert held_out.shape == (10_000, 3, 32, 32)
    raw = (original / "data_batch_2.bin").read_bytes()
    record = raw[7 * 3073 : 8 * 3073]
    assert labels[10_007] == record[0]
    # Green, row 5, column 9.
    assert images[10_007, 1, 5, 9] == record[1 + 1024 + 5 * 32 + 9]
    assert (np.bincount(held_out_labels) == 1000).all()
    assert cifar.load(original.parent)[0][1][10_007] == record[0]


def altered(copy, name, change):
    content = bytearray((copy / name).read_bytes())
    (copy / name).unlink()
    (copy / name).write_bytes(change(content))


def label(value):
    def change(content):
        content[3 * 3073] = value(content[3 * 3073])
        return content

    return change


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("data_batch_3.bin", lambda c: c[:-5], "data_batch_3.bin must have 30730000 bytes, got 30729995"),
        ("test_batch.bin", lambda c: b"", "test_batch.bin must have 30730000 bytes, got 0"),
        ("data_batch_1.bin", label(lambda old: 200), "record 3 has the label 200, not one of 0..9"),
        (
            "data_batch_5.bin",
            label(lambda old: (old + 1) % 10),
            "is not the official CIFAR-10: .*images of class",
        ),
    ],
)
def test_truncated_or_altered_files_are_refused(copy, name, change, complaint):
    altered(copy, name, change)
    with pytest.raises(ValueError, match=complaint):
        cifar.load(copy)


def test_a_missing_file_is_told(copy):
    (copy / "data_batch_4.bin").unlink()
    with pytest.raises(ValueError, match=r"cannot read .*data_batch_4.bin: No such file"):
        cifar.load(copy)


def test_pickles_are_refused_and_never_opened(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(ValueError, match="pickles: reading a pickle runs whatever code it holds"):
        cifar.load(tmp_path)


def test_a_wrong_directory_is_told(tmp_path):
    with pytest.raises(ValueError, match="is not a directory; fetch CIFAR-10 with theorycheck data cifar10"):
        cifar.load(tmp_path / "none")
    with pytest.raises(ValueError, match=r"holds no data_batch_1.bin: it is not the binary version"):
        cifar.load(tmp_path)


@pytest.fixture(scope="module")
def archive(original, tmp_path_factory):
    return cifar_files.archive(original, tmp_path_factory.mktemp("archive") / "cifar.tar.gz")


def test_the_archive_is_checked_and_unpacked(archive, tmp_path):
    url, md5 = archive
    place = cifar.download(tmp_path / "new", url, md5)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [cifar.INNER]
    assert not (tmp_path / "outside").exists()
    cifar.load(tmp_path / "new")
    assert cifar.download(tmp_path / "new", "file:///nowhere", md5) == place
    # Not even a pixel may change once the sums are there.
    with open(place / "data_batch_2.bin", "r+b") as file:
        file.seek(5000)
        old = file.read(1)
        file.seek(5000)
        file.write(bytes([old[0] ^ 1]))
    with pytest.raises(ValueError, match=r"data_batch_2.bin was altered after it was downloaded"):
        cifar.load(place)


def test_another_archive_is_refused_and_nothing_is_kept(archive, tmp_path):
    with pytest.raises(ValueError, match=r"has the MD5 sum .*, not the published c32a1d4a"):
        cifar.download(tmp_path, archive[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (
            urllib.error.URLError("Name or service not known"),
            "no network (Name or service not known); download",
        ),
        (urllib.error.HTTPError("", 503, "Busy", None, None), "the server answers 503 Busy"),
        (TimeoutError("timed out"), "no network (timed out)"),
    ],
)
def test_without_network_the_command_says_so(call, monkeypatch, tmp_path, error, complaint):
    def refuse(*arguments, **options):
        raise error

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    status, out, err = call("data", "cifar10", "--out", tmp_path / "cifar")
    assert (status, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert list((tmp_path / "cifar").iterdir()) == []


@pytest.mark.parametrize("model", ["flow", "edm"])
def test_the_presets_run_on_the_files(original, tmp_path, model):
    """Each preset of CIFAR-10 for a few steps on a CPU, from a small network: all else as it is."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'theorycheck[torch]'")
    from theorycheck import results
    from theorycheck.generative import presets, runs

    chosen = presets.default(f"cifar10:{original}", model)
    assert chosen.model == model
    small = dict(width=8, blocks=1, real=32, first_steps=2, steps=2, batch=8, accumulation=2, chunk=16)
    small |= dict(sampling_steps=2, evaluation=32, classifier_width=2, classifier_steps=2, rounds=1)
    chosen = chosen.replace(**small, loops=chosen.loops[1:2])
    before = torch.get_num_threads()
    rows = runs.run(chosen, tmp_path / "run", (0,)).rows
    torch.set_num_threads(before)
    assert {"frechet", "recall", "class_9"} <= {row.measure for row in rows}
    assert all(np.isfinite(row.value) for row in rows)
    if model == "flow":
        assert 0.1 < results.select(rows, "mean_reward").min() <= 1
    images = results.samples(tmp_path / "run")[chosen.loops[0].name, 0, 1]
    assert images.shape == (10, 3 * 32 * 32)
    assert images.dtype == np.uint8
