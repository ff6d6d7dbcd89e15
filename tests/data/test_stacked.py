"""Stacked MNIST: triples of digits, a thousand modes."""

import os

import pytest
import torch

from lightning_gans.data import StackedMNIST
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import DigitsFeatures, IdentityFeatures, StackedFeatures
from lightning_gans.evaluation.metrics import ClassCoverage
from lightning_gans.images import to_uint8
from tests.data.files import write_mnist


@pytest.fixture
def data(tmp_path):
    write_mnist(tmp_path)
    return StackedMNIST(str(tmp_path), num_samples=500, batch_size=50)


def test_an_image_is_three_digits_and_its_label_their_number(data):
    train = data.train_dataset
    images, labels = train.__getitems__(range(500))
    assert (images.shape, len(train), len(data.test_dataset)) == ((500, 3, 28, 28), 500, 84)
    for channel, power in enumerate((100, 10, 1)):
        chosen = train.triples[:, channel]
        assert torch.equal(to_uint8(images)[:, channel], train.images[chosen, 0])
        assert torch.equal(labels // power % 10, train.classes[chosen])


def test_channels_are_independent_and_triples_a_function_of_the_seed(data):
    again, other = (StackedMNIST(data.root, num_samples=500, seed=seed) for seed in (0, 1))
    assert data.fingerprint() == again.fingerprint() != other.fingerprint()
    correlations = torch.corrcoef(data.train_dataset.triples.T.double())
    assert (correlations - torch.eye(3)).abs().max() < 0.15  # 3.4 standard errors


def test_a_triple_is_classified_channel_by_channel():
    gray = DigitsFeatures()
    stacked = StackedFeatures(gray, "triples", channels=3)
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8)
    features, logits = stacked(images)
    each = [gray(images[:, channel : channel + 1]) for channel in range(3)]
    torch.testing.assert_close(features, torch.cat([one.features for one in each], 1))
    digits = [one.logits.argmax(1) for one in each]
    assert torch.equal(logits.argmax(1), digits[0] * 100 + digits[1] * 10 + digits[2])
    torch.testing.assert_close(logits.exp().sum(1), torch.ones(20))
    assert stacked.fingerprint != StackedFeatures(gray, "pairs", channels=2).fingerprint
    with pytest.raises(ConfigError, match="must be made for gray images"):
        StackedFeatures(IdentityFeatures(), "points", channels=2)


class Labels(torch.nn.Module):
    """Reads the class off the first pixels."""

    def forward(self, images):
        number = images[:, 0, 0, 0].long() * 4 + images[:, 0, 0, 1].long()
        return None, torch.nn.functional.one_hot(number, 1000).float()


def test_perfect_and_collapsed_samplers():
    images = torch.zeros(26_000, 1, 1, 2, dtype=torch.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = (
        (torch.arange(26_000) % 1000).div(4, rounding_mode="floor"),
        (torch.arange(26_000) % 4),
    )
    metric = ClassCoverage(Labels(), 1000)
    for part in images.split(5000):
        metric.update(part)
    perfect = metric.compute()
    assert (float(perfect["modes"]), abs(float(perfect["reverse_kl"])) < 1e-12) == (1000, True)
    metric.reset()
    metric.update(images[:1].expand(100, -1, -1, -1))
    collapsed = metric.compute()
    assert float(collapsed["modes"]) == 1
    torch.testing.assert_close(collapsed["reverse_kl"], torch.tensor(1000.0).double().log())
    with pytest.raises(ConfigError, match="gives 1000 logits"):
        ClassCoverage(Labels(), 10).update(images[:2])


@pytest.mark.skipif("LIGHTNING_GANS_DATA" not in os.environ, reason="LIGHTNING_GANS_DATA names no folder")
def test_real_triples_cover_all_modes():
    data = StackedMNIST(os.environ["LIGHTNING_GANS_DATA"], num_samples=5000)
    labels = data.train_dataset.__getitems__(range(5000))[1]
    assert 980 < len(labels.unique()) < 1000  # 1000 (1 - exp(-5)) = 993 are expected
    images, labels = data.train_dataset.__getitems__(range(300))
    predicted = data.features()(to_uint8(images)).logits.argmax(1)
    assert (predicted == labels).double().mean() > 0.97
