"""MNIST, Fashion-MNIST and CIFAR-10: from generated files of their formats, and from the real ones where they are."""

import hashlib
import os
import pickle
import stat

import numpy as np
import pytest
import torch
import torchvision

from lightning_gans.data import CIFAR10, MNIST, FashionMNIST
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import MNISTFeatures
from tests.data.files import idx, write_cifar, write_mnist

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
    assert CIFAR10().features() is None


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
