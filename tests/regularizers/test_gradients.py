"""The penalties as pure functions, against closed forms."""

import pytest
import torch
from torch import nn

from lightning_gans import Condition, ConfigError, Sample
from lightning_gans.batch import Scored
from lightning_gans.networks import DCGANDiscriminator, MinibatchStdDev, MLPDiscriminator
from lightning_gans.regularizers import (
    differentiable,
    gradient_penalty,
    interpolated,
    no_autocast_eager,
    require_no_batch_statistics,
    squared_gradient_penalty,
)


def squared_penalty(score, sample):
    """R1 and R2 without their weight, as the critic has them computed."""
    with no_autocast_eager(torch.device("cpu")):
        sample = differentiable(sample)
        return squared_gradient_penalty(Scored(sample, score(sample)))


def cubic(sample):
    """sum_i x_i^3, with gradient 3 x_i^2."""
    return sample.image.pow(3).sum(1, keepdim=True)


def linear(w):
    return lambda sample: sample.image @ w


def test_penalties_are_the_closed_form_of_a_cubic():
    x, g = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    alpha = torch.rand(6, dtype=torch.float64)
    between = alpha[:, None] * x + (1 - alpha[:, None]) * g
    norm = (3 * between.square()).norm(dim=1)
    torch.testing.assert_close(gradient_penalty(cubic, Sample(x), Sample(g), alpha), ((norm - 1) ** 2).mean())
    for each in (x, g):
        torch.testing.assert_close(squared_penalty(cubic, Sample(each)), (9 * each.pow(4)).sum(1).mean())


def test_penalties_reach_the_weights_of_the_critic():
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    sample = Sample(torch.zeros(2, 2))
    penalty = gradient_penalty(linear(w), sample, sample, torch.zeros(2))
    (gradient,) = torch.autograd.grad(penalty, w)  # of (|w| - 1)^2: 2 (|w| - 1) w / |w|
    torch.testing.assert_close(gradient, 2 * 4 * w.detach() / 5)
    (gradient,) = torch.autograd.grad(squared_penalty(linear(w), sample), w)  # of |w|^2
    torch.testing.assert_close(gradient, 2 * w.detach())


def test_a_flat_critic_has_a_finite_gradient():
    w = torch.zeros(2, requires_grad=True)
    penalty = gradient_penalty(linear(w), Sample(torch.ones(3, 2)), Sample(torch.zeros(3, 2)), torch.rand(3))
    penalty.backward()
    assert float(penalty.detach()) == 1
    assert torch.isfinite(w.grad).all()


def test_alpha_goes_from_the_generated_to_the_real_sample():
    seen = []

    def score(sample):
        seen.append(sample.image.detach())
        return sample.image.sum(1)

    gradient_penalty(score, Sample(torch.ones(2, 3)), Sample(torch.zeros(2, 3)), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(seen[0], torch.tensor([[0.0] * 3, [1.0] * 3]))


def test_labels_are_scored_but_not_mixed_and_image_and_latent_count_together():
    def score(sample):
        return 2 * sample.image.sum((1, 2, 3)) + 3 * sample.latent.sum(1) + sample.condition.label

    sample = Sample(torch.rand(4, 1, 2, 2), Condition(label=torch.arange(4)), latent=torch.rand(4, 3))
    torch.testing.assert_close(squared_penalty(score, sample), torch.tensor(4 * 4.0 + 9 * 3.0))
    expected = ((4 * 4.0 + 9 * 3.0) ** 0.5 - 1) ** 2
    other = sample.map(torch.rand_like)._replace(condition=Condition(label=torch.arange(4) + 9))
    torch.testing.assert_close(gradient_penalty(score, sample, other, torch.rand(4)), torch.tensor(expected))
    assert interpolated(sample, other, torch.rand(4)).condition is sample.condition


def test_latents_alone_are_interpolated_and_penalized():
    """An adversarial autoencoder's discriminator sees nothing else."""
    w = torch.tensor([3.0, 4.0])
    real, fake = Sample(None, latent=torch.zeros(2, 2)), Sample(None, latent=torch.ones(2, 2))
    penalty = gradient_penalty(lambda sample: sample.latent @ w, real, fake, torch.rand(2))
    torch.testing.assert_close(penalty.detach(), torch.tensor(16.0))
    torch.testing.assert_close(squared_penalty(lambda sample: sample.latent @ w, real).detach(), torch.tensor(25.0))


def test_patches_count_together():
    """The gradient is that of the sum of a sample's logits."""
    w = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.testing.assert_close(squared_penalty(linear(w), Sample(torch.zeros(5, 2))), torch.tensor(9.0 + 49.0))


def test_penalties_leave_autocast():
    layer = nn.Linear(4, 1)
    sample, alpha = Sample(torch.randn(8, 4).bfloat16()), torch.rand(8)
    norm = layer.weight.detach().square().sum()
    with torch.autocast("cpu", torch.bfloat16):
        inside = squared_penalty(lambda each: layer(each.image), sample)
        between = gradient_penalty(lambda each: layer(each.image), sample, sample, alpha)
    assert inside.dtype == between.dtype == torch.float32
    torch.testing.assert_close(inside, norm, check_dtype=False)
    torch.testing.assert_close(between, (norm.sqrt() - 1).square(), check_dtype=False)


def test_inputs_are_left_alone():
    x = torch.randn(3, 2)
    squared_penalty(cubic, Sample(x))
    gradient_penalty(cubic, Sample(x), Sample(x), torch.rand(3))
    assert not x.requires_grad
    with torch.no_grad():
        assert float(squared_penalty(cubic, Sample(x))) > 0
        assert float(gradient_penalty(cubic, Sample(x), Sample(x), torch.rand(3))) > 0


def test_what_a_generator_has_just_made_stays_a_function_of_it():
    """Unrolled GANs differentiate through what the discriminator becomes."""
    made = torch.randn(3, 2, requires_grad=True) * 2
    assert differentiable(Sample(made)).image is made
    standing = made.detach()
    leaf = differentiable(Sample(standing)).image
    assert leaf.requires_grad
    assert leaf.is_leaf
    assert leaf.data_ptr() == standing.data_ptr()


def test_batch_norm_is_refused_by_name():
    require_no_batch_statistics(DCGANDiscriminator((1, 8, 8), 4, batch_norm=False))
    with pytest.raises(ConfigError, match=r"BatchNorm2d at 'down.3'.*batch_norm: false"):
        require_no_batch_statistics(DCGANDiscriminator((1, 8, 8), 4))


def test_a_layer_that_compares_samples_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"MinibatchStdDev at .*leave that layer out"):
        require_no_batch_statistics(MLPDiscriminator((1, 8, 8), (4,), minibatch_layer=MinibatchStdDev))
