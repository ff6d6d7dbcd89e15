import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ConditionalGAN, ConfigError
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.games import labeled, moves, same

C = 3


def cgan(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(3, (2,), (16,), tanh_output=False, num_classes=C)
        return ConditionalGAN(generator, MLPDiscriminator((2,), (16,), num_classes=C), **{"num_classes": C, **kwargs})


def test_losses_follow_the_equation():
    """Both networks see the label of the batch, as a one-hot vector beside the rest."""
    model, (x, y) = cgan(), labeled(C, 24)
    one_hot = F.one_hot(y, C).float()
    model._randomness.seek(0, 0)
    fake = model.generator.layers(torch.cat([model.latent(x), one_hot], 1))

    def d(images):
        hidden = model.discriminator.hidden(torch.cat([images, one_hot], 1))
        return torch.sigmoid(model.discriminator.out(hidden))

    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss((x, y)), -(d(x).log() + (1 - d(fake)).log()).mean())
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.generator_loss((x, y)), -d(fake).log().mean())


def test_a_move_changes_only_what_its_player_owns():
    for name, before, after in moves(cgan(), labeled(C, 64)):
        assert same(before["generator"], after["generator"]) == (name == "discriminator")
        assert same(before["discriminator"], after["discriminator"]) == (name == "generator")


def test_one_latent_in_every_class():
    model = cgan()
    z, _ = model.sampling_inputs(0, 8, 5, model.prior)
    rows = model.panels(None, seed=5)["classes"]
    assert rows.shape == (C, 8, 2)
    for label, row in enumerate(rows):
        with torch.no_grad():
            torch.testing.assert_close(row, model(z, torch.full((8,), label)))
    assert not torch.equal(rows[0], rows[1])


def test_a_class_that_is_asked_for_keeps_the_latents():
    """So samples of two classes with the same seed are pairs."""
    model = cgan()
    both = [model.sample(300, labels=torch.full((300,), label), seed=4) for label in (0, 2)]
    z = torch.cat([model.sampling_inputs(first, first + 100, 4, model.prior)[0] for first in (0, 100, 200)])
    for label, found in zip((0, 2), both, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(found, model(z, torch.full((300,), label)))


def test_both_networks_are_told_of_classes():
    told = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}
    assert [ConditionalGAN.facts(role, told, {})["num_classes"] for role in ("generator", "discriminator")] == [10, 10]


@pytest.mark.parametrize("num_classes", [None, 0])
def test_data_without_classes_are_named(num_classes):
    with pytest.raises(ConfigError, match=f"num_classes={num_classes}"):
        cgan(num_classes=num_classes)
