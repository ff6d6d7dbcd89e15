import math

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from lightning_gans import ConditionalVAE, ConfigError
from lightning_gans.batch import Batch, Condition
from lightning_gans.networks import MLPEncoder, MLPGenerator
from tests.games import loader, points, train


def cvae(**kwargs):
    torch.manual_seed(0)
    generator = MLPGenerator(3, (2,), (16,), tanh_output=False, num_classes=4)
    return ConditionalVAE(generator, MLPEncoder((2,), (16,), 6, num_classes=4), num_classes=4, **kwargs)


def test_the_loss_sees_the_labels_in_both_networks():
    model, x, y = cvae(beta=0.5, decoder_variance=0.2), points(8), torch.arange(8) % 4
    model._rng.seek(0, 0)
    mean, log_variance = model.encoder(x, y).chunk(2, 1)
    z = mean + (log_variance / 2).exp() * model.rand(torch.randn, 8, 3)
    nll = ((x - model.generator(z, y)) ** 2 / 0.4 + 0.5 * math.log(2 * math.pi * 0.2)).sum(1)
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.autoencoder_loss(Batch(x, Condition(label=y))), (nll + 0.5 * kl).mean())
    model._rng.seek(0, 0)
    other = model.autoencoder_loss(Batch(x, Condition(label=y.flip(0))))
    assert not torch.allclose(other, (nll + 0.5 * kl).mean())


@pytest.mark.slow
def test_samples_and_reconstructions_are_of_the_class_asked_for():
    """Four classes of points at the corners of a square."""
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * 0.6
    y = torch.arange(1024) % 4
    x = corners[y] + 0.1 * torch.randn(1024, 2, generator=torch.Generator().manual_seed(0))
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}}
    model = cvae(decoder_variance=0.01, optimization={"ema_decay": 0.95, "autoencoder": adam})
    train(model, 150, loader=lambda *_: DataLoader(TensorDataset(x, y), batch_size=128, drop_last=True))
    nearest = torch.cdist(model.sample(1024, labels=y), corners).argmin(1)
    assert float((nearest == y).float().mean()) > 0.95
    assert float((model.reconstruct(x, Condition(label=y)) - x).square().mean()) < 0.02  # of a variance of 0.37
    elsewhere = torch.cdist(model.reconstruct(x, Condition(label=(y + 1) % 4)), corners).argmin(1)
    assert float((elsewhere == y).float().mean()) < 0.5  # the decoder believes the label


def test_both_networks_are_told_of_classes():
    data, settings = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}, {"given": ["label"]}
    encoder = ConditionalVAE.network_kwargs("encoder", data, settings)
    assert (encoder["num_classes"], encoder["out_features"]) == (10, 10)
    assert ConditionalVAE.network_kwargs("generator", data, settings)["num_classes"] == 10


def test_labels_are_needed():
    with pytest.raises(ConfigError, match="given a label, and the batch has none"):
        train(cvae(), 1, loader=loader)
    with pytest.raises(ConfigError, match="given a label"):
        cvae().reconstruct(points(4))
