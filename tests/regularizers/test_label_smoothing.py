"""One-sided label smoothing: cross-entropy with softer targets for real samples, and for no other loss."""

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import (
    GAN,
    LSGAN,
    MMDGAN,
    R3GAN,
    WGAN,
    WGANGP,
    ConfigError,
    HingeGAN,
    MinimaxGAN,
)
from lightning_gans.regularizers import LabelSmoothing
from tests.games import drawn, gan, loss_of, points, train


def test_it_is_cross_entropy_with_soft_targets_for_real_samples():
    model, x = gan(regularizers=[LabelSmoothing(0.8)]), points(32)
    loss = loss_of(model, "discriminator", x)
    fake = model.generator(drawn(torch.randn, (32, 3), 0, 0, 0))
    real_logits, fake_logits = model.discriminator(x), model.discriminator(fake)
    expected = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, 0.8))
    expected += F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    torch.testing.assert_close(loss, expected)


def test_it_leaves_the_generator_alone():
    plain, smooth = gan(), gan(regularizers=[LabelSmoothing(0.8)])
    assert loss_of(plain, "generator", points(32)) == loss_of(smooth, "generator", points(32))


@pytest.mark.parametrize(
    ("cls", "objective"),
    [
        (WGAN, "Wasserstein"),
        (WGANGP, "Wasserstein"),
        (LSGAN, "LeastSquares"),
        (HingeGAN, "Hinge"),
        (R3GAN, "Relativistic"),
        (MMDGAN, "a loss on features"),
    ],
)
def test_losses_that_are_no_cross_entropy_are_refused(cls, objective):
    with pytest.raises(ConfigError, match=f"regularizers='LabelSmoothing': needs .* {objective} is none"):
        gan(cls, regularizers=[LabelSmoothing()])


@pytest.mark.parametrize("cls", [GAN, MinimaxGAN])
def test_cross_entropies_are_taken(cls):
    metrics = train(gan(cls, regularizers=[LabelSmoothing()]), 5).callback_metrics
    assert "penalty/label_smoothing" in metrics


@pytest.mark.parametrize("target", [0.4, 0.5, 1.1])
def test_a_target_that_is_no_such_probability_is_named(target):
    with pytest.raises(ConfigError, match=f"target={target}"):
        LabelSmoothing(target)


def test_a_target_of_one_changes_nothing():
    plain, smooth = gan(), gan(regularizers=[LabelSmoothing(1.0)])
    assert loss_of(plain, "discriminator", points(32)) == loss_of(smooth, "discriminator", points(32))
