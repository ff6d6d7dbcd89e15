"""MNIST, Fashion-MNIST, CIFAR-10, MNIST-M: from generated files of their formats, and from real ones where they are."""

import hashlib
import os
import pickle
import stat

import numpy as np
import pytest
import torch
import torchvision

from lightning_gans.data import CIFAR10, MNIST, MNISTM, FashionMNIST
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import CIFAR10Features, MNISTFeatures
from tests.data.files import idx, save, write_cifar, write_mnist

ROOT = os.environ.get("LIGHTNING_GANS_DATA")
needs_data = pytest.mark.skipif(ROOT is None, reason="LIGHTNING_GANS_DATA names no folder with MNIST")


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
@pytest.mark.parametrize("packed", [True, False])
def test_reads_files_as_they_lie_there(tmp_path, kind, packed):
    raw = write_mnist(tmp_path, kind.folder, packed)
    before = sorted(raw.iterdir())
    raw.chmod(stat.S_IRUSR | stat.S_IXUSR)
    data = kind(root=str(tmp_path), batch_size=8)
    assert (data.image_shape, data.num_classes) == ((1, 28, 28), 10)
    assert (len(data.train_dataset), len(data.test_dataset), len(data.reference_dataset)) == (40, 10, 40)
    assert sorted(raw.iterdir()) == before
    theirs = torchvision.datasets.mnist.read_image_file
    if not packed:
        assert torch.equal(data.train_dataset.images[:, 0], theirs(str(raw / "train-images-idx3-ubyte")))
    images, labels = next(iter(data.test_dataloader()))
    assert images.shape == (8, 1, 28, 28)
    assert labels.tolist() == list(range(8))
    raw.chmod(stat.S_IRWXU)


def test_features_are_those_that_are_shipped(tmp_path):
    assert isinstance(MNIST().features(), MNISTFeatures)
    assert FashionMNIST().features() is None
    assert isinstance(CIFAR10().features(), CIFAR10Features)


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, CIFAR10])
def test_missing_files_name_the_folder_and_the_download(tmp_path, kind):
    with pytest.raises(ConfigError, match=rf"root='{tmp_path}'.*--data\.init_args\.download true"):
        kind(root=str(tmp_path)).setup()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"nonsense", idx(np.zeros((3, 28, 28), np.uint8))[:-5]])
@pytest.mark.parametrize("packed", [True, False])
def test_damaged_files_are_named(tmp_path, content, packed):
    raw = write_mnist(tmp_path, packed=packed)
    (raw / f"train-images-idx3-ubyte{'.gz' if packed else ''}").write_bytes(content)
    with pytest.raises(ConfigError, match="train-images-idx3-ubyte is damaged"):
        MNIST(root=str(tmp_path)).setup()


def test_a_download_is_made_only_when_asked_for_and_its_failure_is_one_line(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no connection")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    with pytest.raises(ConfigError, match="is not there"):
        MNIST(root=str(tmp_path)).setup()
    with pytest.raises(ConfigError, match=r"download=True.*no connection"):
        MNIST(root=str(tmp_path), download=True).setup()


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    return tmp_path


def test_cifar_is_read_in_the_right_layout(cifar):
    data = CIFAR10(root=str(cifar), batch_size=5)
    first = pickle.loads((cifar / "cifar-10-batches-py/data_batch_1").read_bytes())["data"][0]
    assert torch.equal(data.train_dataset.images[0].flatten(), torch.from_numpy(first))
    assert (data.image_shape, len(data.train_dataset), len(data.test_dataset)) == ((3, 32, 32), 25, 5)


def test_flip_is_of_the_training_images_alone(cifar):
    data = CIFAR10(root=str(cifar), batch_size=25, flip=True)
    shown, plain = (next(iter(CIFAR10(str(cifar), flip=f, batch_size=25).train_dataloader()))[0] for f in (True, False))
    mirrored = (shown == plain.flip(-1)).flatten(1).all(1)
    assert torch.equal(mirrored | (shown == plain).flatten(1).all(1), torch.ones(25, dtype=torch.bool))
    assert 4 <= int(mirrored.sum()) <= 21
    assert data.fingerprint() == CIFAR10(root=str(cifar), batch_size=25).fingerprint()


@needs_data
def test_mnist_is_mnist():
    data = MNIST(root=ROOT)
    content = idx(data.train_dataset.images[:, 0].numpy())
    assert hashlib.md5(content).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert hashlib.md5(idx(data.test_dataset.images[:, 0].numpy())).hexdigest() == "2646ac647ad5339dbf082846283269ea"
    assert hashlib.md5(idx(data.train_dataset.labels.byte().numpy())).hexdigest() == "a25bea736e30d166cdddb491f175f624"
    assert hashlib.md5(idx(data.test_dataset.labels.byte().numpy())).hexdigest() == "27ae3e4e09519cfbb04c329615203637"


def windows(photographs):
    """Every 28 x 28 window of 32 x 32 photographs (N, 3, 32, 32): (25 N, 3, 28, 28), int64."""
    cut = photographs.long().unfold(2, 28, 1).unfold(3, 28, 1)  # (N, 3, 5, 5, 28, 28)
    return cut.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def are_on(images, digits, photographs):
    """Whether each image is the absolute difference of its digit and one of the windows."""
    candidates, pairs = windows(photographs), zip(images, digits, strict=True)
    return all(((candidates - digit).abs() == image).flatten(1).all(1).any() for image, digit in pairs)


def test_mnist_m_are_digits_on_photographs_and_no_pairs(cifar):
    write_mnist(cifar)
    data, digits, photographs = (kind(root=str(cifar), batch_size=5) for kind in (MNISTM, MNIST, CIFAR10))
    train, test, whole = data.train_dataset, data.test_dataset, digits.train_dataset
    assert torch.equal(train.sources.images, whole.images[::2].expand(-1, 3, -1, -1))
    assert torch.equal(train.images.labels, whole.labels[1::2])
    assert are_on(train.images.images, whole.images[1::2], photographs.train_dataset.images)
    assert torch.equal(test.sources.images, digits.test_dataset.images.expand(-1, 3, -1, -1))
    (agreement,) = data.metrics().values()
    assert agreement.source_classifier(test.sources.images).logits.shape == (10, 10)
    assert are_on(test.images.images, digits.test_dataset.images, photographs.test_dataset.images)
    assert data.reference_dataset is test.images
    batch = next(iter(data.train_dataloader()))
    assert (batch["source"].shape, batch["image"].shape) == ((5, *data.source_shape), (5, *data.image_shape))
    assert MNISTM(root=str(cifar), seed=1).fingerprint() == data.fingerprint()


def test_mnist_m_on_photographs_of_ones_own(tmp_path):
    write_mnist(tmp_path)
    folder = tmp_path / "photos"
    own = torch.stack([torch.from_numpy(save(folder / f"{n}.png", (32, 32), seed=n)) for n in range(9)])
    own = own.permute(0, 3, 1, 2)
    data, digits = MNISTM(str(tmp_path), photographs=str(folder), batch_size=5), MNIST(str(tmp_path), batch_size=5)
    assert are_on(data.test_dataset.images.images, digits.test_dataset.images, own[::6])
    assert are_on(data.train_dataset.images.images, digits.train_dataset.images[1::2], own[[1, 2, 3, 4, 5, 7, 8]])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((), "no such folder"),
        ((40,), "one each"),
        ((27, 27), r"photos/\d.png': is smaller than a digit, 28 x 28"),
        ((None, None), r"photos/\d.png': cannot be read .*; remove it"),
    ],
)
def test_photographs_that_will_not_do_are_named(tmp_path, sizes, message):
    write_mnist(tmp_path)
    for n, size in enumerate(sizes):
        save(tmp_path / f"photos/{n}.png", (size or 40, 40))
        if size is None:
            (tmp_path / f"photos/{n}.png").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=f"photographs='.*{message}"):
        MNISTM(str(tmp_path), photographs=str(tmp_path / "photos")).setup()
