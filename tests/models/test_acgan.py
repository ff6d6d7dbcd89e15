import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ACGAN, ConfigError
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.tricks import R1
from tests.games import labeled, moves, same

C = 3


def acgan(outputs=1 + C, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(3, (2,), (16,), tanh_output=False, num_classes=C)
        return ACGAN(generator, MLPDiscriminator((2,), (16,), out_features=outputs), num_classes=C, **kwargs)


def test_losses_follow_the_equations():
    """Against cross-entropies written out as logarithms of probabilities."""
    model, (x, c) = acgan(), labeled(C, 24)
    model._randomness.seek(0, 0)
    fake = model.generator(model.latent(x), c)

    def log_likelihoods(images, source):
        outputs = model.discriminator(images)
        real = torch.sigmoid(outputs[:, 0])
        named = outputs[:, 1:].softmax(1)[range(24), c].log().mean()
        return (real if source == "real" else 1 - real).log().mean(), named

    (source_real, class_real), (source_fake, class_fake) = log_likelihoods(x, "real"), log_likelihoods(fake, "fake")
    model._randomness.seek(0, 0)
    expected = -(source_real + source_fake) - (class_real + class_fake)
    torch.testing.assert_close(model.discriminator_loss((x, c)), expected)
    model._randomness.seek(0, 0)
    expected = -log_likelihoods(fake, "real")[0] - class_fake
    torch.testing.assert_close(model.generator_loss((x, c)), expected)


def test_the_discriminator_is_not_told_the_class():
    model, (x, c) = acgan(), labeled(C, 24)
    assert [part.shape for part in (*model.real((x, c)), *model.fake((x, c)))] == [(24, 2), (24, 2)]
    assert model.judge(x).shape == (24, 1)


def test_a_move_changes_only_what_its_player_owns():
    for name, before, after in moves(acgan(), labeled(C, 64)):
        assert same(before["generator"], after["generator"]) == (name == "discriminator")
        assert same(before["discriminator"], after["discriminator"]) == (name == "generator")


def test_accuracies_of_the_class_head_are_noted():
    model, (x, c) = acgan(), labeled(C, 24)
    notes = {}
    model.note = lambda name, value: notes.update({name: float(value)})
    with torch.no_grad():
        model.discriminator.out.weight.zero_()
        model.discriminator.out.bias.copy_(torch.tensor([0.0, 0.0, 9.0, 0.0]))  # it always says class 1
    model.discriminator_loss((x, c))
    expected = float((c == 1).float().mean())
    assert notes["class_accuracy/real"] == notes["class_accuracy/fake"] == pytest.approx(expected)


def test_penalties_look_at_the_source_alone():
    model, (x, c) = acgan(tricks=[R1(2.0)]), labeled(C, 24)
    model._randomness.seek(0, 0)
    charged = model.charged_discriminator_loss((x, c))
    model._randomness.seek(0, 0)
    points = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(points)[:, 0].sum(), points)
    expected = model.discriminator_loss((x, c)) + slope.square().sum(1).mean()
    torch.testing.assert_close(charged, expected)
    assert F.cross_entropy(model.discriminator(x)[:, 1:], c) > 0


def test_too_few_outputs_are_named():
    with pytest.raises(ConfigError, match=r"discriminator='outputs \(1,\)'.*1 \+ 3"):
        acgan(outputs=1).discriminator_loss(labeled(C, 8))


def test_facts():
    told = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}
    assert ACGAN.facts("generator", told, {})["num_classes"] == 10
    found = ACGAN.facts("discriminator", told, {})
    assert (found["num_classes"], found["out_features"]) == (0, 11)
