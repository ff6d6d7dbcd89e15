import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ConditionalGAN, ConfigError
from lightning_gans.batch import Batch, Condition
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.games import labeled

C = 3


def cgan(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(3, (2,), (16,), tanh_output=False, num_classes=C)
        return ConditionalGAN(generator, MLPDiscriminator((2,), (16,), num_classes=C), **{"num_classes": C, **kwargs})


def test_losses_follow_the_equation():
    """Both networks see the label of the batch, as a one-hot vector beside the rest."""
    model, (x, y) = cgan(), labeled(C, 24)
    batch, one_hot = Batch(x, Condition(label=y)), F.one_hot(y, C).float()
    model._rng.seek(0, 0)
    fake = model.generator.layers(torch.cat([model.latent(batch), one_hot], 1))

    def d(images):
        hidden = model.discriminator.hidden(torch.cat([images, one_hot], 1))
        return torch.sigmoid(model.discriminator.out(hidden))

    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(batch), -(d(x).log() + (1 - d(fake)).log()).mean())
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(batch), -d(fake).log().mean())


def latents(model, first, last, seed):
    """Those of samples, whatever their classes."""
    return model.generator_inputs(Condition(), first, last, seed)[0]


def test_one_latent_in_every_class():
    model = cgan()
    z = latents(model, 0, 8, 5)
    rows = model.visuals(None, seed=5)["classes"]
    assert rows.shape == (C, 8, 2)
    for label, row in enumerate(rows):
        with torch.no_grad():
            torch.testing.assert_close(row, model(z, torch.full((8,), label)))
    assert not torch.equal(rows[0], rows[1])


def test_a_class_that_is_asked_for_keeps_the_latents():
    """So samples of two classes with the same seed are pairs."""
    model = cgan()
    both = [model.sample(300, labels=torch.full((300,), label), seed=4) for label in (0, 2)]
    z = torch.cat([latents(model, first, first + 100, 4) for first in (0, 100, 200)])
    for label, found in zip((0, 2), both, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(found, model(z, torch.full((300,), label)))


def test_both_networks_are_told_of_classes():
    data, settings = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}, {"given": ["label"]}
    for role in ("generator", "discriminator"):
        assert ConditionalGAN.network_kwargs(role, data, settings)["num_classes"] == 10


@pytest.mark.parametrize("num_classes", [None, 0])
def test_data_without_classes_are_named(num_classes):
    with pytest.raises(ConfigError, match=f"num_classes={num_classes}"):
        cgan(num_classes=num_classes)
