"""The objectives against theory: on a finite space the optimal discriminator and its value are known in closed form."""

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ConfigError, objectives

P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)  # the data, on four places
Q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)  # the generator


def best_discriminator(loss, steps=500):
    """Minimize a discriminator loss over all functions on four places; expectations are weighted by repetition."""
    counts = 20
    real = torch.repeat_interleave(torch.arange(4), (P * counts).round().long())
    fake = torch.repeat_interleave(torch.arange(4), (Q * counts).round().long())
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / steps)
        optimizer.zero_grad()
        value = loss(logits[real], logits[fake])
        value.backward()
        optimizer.step()
    return logits.detach(), float(value.detach())


def kl(a, b):
    return float((a * (a / b).log()).sum())


def test_minimax_reaches_the_jensen_shannon_divergence():
    logits, value = best_discriminator(objectives.minimax_discriminator_loss)
    torch.testing.assert_close(logits.sigmoid(), P / (P + Q), atol=1e-4, rtol=0)  # proposition 1
    middle = (P + Q) / 2
    divergence = (kl(P, middle) + kl(Q, middle)) / 2
    assert value == pytest.approx(2 * torch.log(torch.tensor(2.0)).item() - 2 * divergence, abs=1e-6)  # theorem 1


def test_against_the_best_discriminator_gradient_steps_on_q_end_at_p_with_the_value_minus_log_4():
    """Goodfellow et al. 2014, arXiv:1406.2661, proposition 2: q is any function, here on four places."""
    free = torch.tensor([-2.0, 0.0, 1.0, 3.0], dtype=torch.float64, requires_grad=True)
    values = []
    for _ in range(300):
        q = free.softmax(0)
        logits = (P / q).detach().log()  # D* = p / (p + q): the discriminator moves first, all the way
        value = -(P * F.softplus(-logits)).sum() - (q * F.softplus(logits)).sum()
        (gradient,) = torch.autograd.grad(value, free)
        free = (free - 2 * gradient).detach().requires_grad_()
        values.append(value.item())
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(values))
    assert values[-1] == pytest.approx(-math.log(4), abs=1e-5)
    assert torch.allclose(q.detach(), P, atol=2e-3)


def test_least_squares_reaches_the_pearson_divergence():
    a, b, c = -1.0, 1.0, 0.0
    logits, _ = best_discriminator(lambda real, fake: objectives.least_squares_discriminator_loss(real, fake, a, b))
    torch.testing.assert_close(logits, (b * P + a * Q) / (P + Q), atol=1e-4, rtol=0)
    generator = ((P + Q) * (logits - c) ** 2).sum()  # both sides of the paper's eq. 5: that of p is no concern of G
    pearson = ((P + Q - 2 * Q) ** 2 / (P + Q)).sum()
    torch.testing.assert_close(generator, pearson, atol=1e-4, rtol=0)


def test_hinge_reaches_the_total_variation_distance():
    logits, value = best_discriminator(objectives.hinge_discriminator_loss)
    torch.testing.assert_close(logits, (P - Q).sign(), atol=0.02, rtol=0)
    assert value == pytest.approx(2 - 2 * float((P - Q).abs().sum() / 2), abs=0.02)


def test_wasserstein_is_shift_invariant_and_odd():
    real, fake = torch.randn(5, 1), torch.randn(7, 1)
    value = objectives.wasserstein_discriminator_loss(real, fake)
    torch.testing.assert_close(objectives.wasserstein_discriminator_loss(real + 3, fake + 3), value)
    torch.testing.assert_close(objectives.wasserstein_discriminator_loss(fake, real), -value)


def test_both_generator_losses_have_the_same_direction_and_only_one_saturates():
    for level in (-20.0, 0.0, 3.0):
        logits = torch.full((4,), level, requires_grad=True)
        (minimax,) = torch.autograd.grad(objectives.minimax_generator_loss(logits), logits)
        (steep,) = torch.autograd.grad(objectives.non_saturating_generator_loss(logits), logits)
        assert (minimax < 0).all()
        assert (steep < 0).all()
    logits = torch.full((4,), -20.0, requires_grad=True)  # D is sure: the minimax gradient is gone
    (minimax,) = torch.autograd.grad(objectives.minimax_generator_loss(logits), logits)
    (steep,) = torch.autograd.grad(objectives.non_saturating_generator_loss(logits), logits)
    assert minimax.abs().max() < 1e-8
    torch.testing.assert_close(steep, torch.full((4,), -0.25))


PAIRS = [
    objectives.minimax_discriminator_loss,
    objectives.least_squares_discriminator_loss,
    objectives.hinge_discriminator_loss,
    objectives.wasserstein_discriminator_loss,
]


@pytest.mark.parametrize("loss", PAIRS, ids=lambda f: f.__name__)
def test_losses_are_finite_for_huge_logits_and_average_over_every_axis(loss):
    patches = torch.tensor([[-1e4, 1e4], [5.0, -5.0]])
    assert torch.isfinite(loss(patches, -patches))
    torch.testing.assert_close(loss(patches, -patches), loss(patches.flatten(), -patches.flatten()))
    torch.testing.assert_close(loss(patches.flip(0), -patches), loss(patches, -patches))  # the order does not matter


def test_relativistic_losses_compare_each_pair():
    real, fake = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    expected = -(real - fake).sigmoid().log().mean()
    torch.testing.assert_close(objectives.relativistic_discriminator_loss(real, fake), expected)
    torch.testing.assert_close(
        objectives.relativistic_generator_loss(real, fake), -(fake - real).sigmoid().log().mean()
    )
    shifted = objectives.relativistic_discriminator_loss(real + 7, fake + 7)
    torch.testing.assert_close(shifted, expected)  # only differences count


# The objects that bring them together: what each claims about itself is true.

OBJECTS = [
    objectives.NonSaturating(),
    objectives.Minimax(),
    objectives.LeastSquares(-1.0, 2.0, 0.5),
    objectives.Wasserstein(),
    objectives.Hinge(),
    objectives.Relativistic(),
    objectives.RelativisticAverage(),
    objectives.Bidirectional(),
    objectives.FDivergence(),
    objectives.FDivergence(objectives.KL(), saddle_point=True),
]
objects = pytest.mark.parametrize("objective", OBJECTS, ids=lambda each: type(each).__name__)


@pytest.fixture
def pair():
    """Logits of real and of generated samples."""
    real, fake = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return real.requires_grad_(), fake.requires_grad_()


def test_no_object_is_left_out():
    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    shipped = {kind for kind in below(objectives.Objective) if kind.__module__.startswith("lightning_gans.objectives")}
    assert shipped - {objectives.Objective} == {type(each) for each in OBJECTS}


@objects
def test_a_generator_s_loss_needs_real_samples_where_it_says_so(objective, pair):
    real, fake = pair
    loss = objective.generator(fake, real if objective.needs_real else None)
    assert loss.shape == ()
    gradients = torch.autograd.grad(loss, (fake, *([real] if objective.needs_real else [])))
    assert all(bool((gradient != 0).all()) for gradient in gradients)


@objects
def test_a_loss_that_is_a_mean_over_samples_is_one(objective, pair):
    real, fake = pair
    each = torch.stack([objective.generator(one[None], real) for one in fake])
    assert torch.allclose(each.mean(), objective.generator(fake, real)) or not objective.mean_over_samples
    if objective.mean_over_samples and objective.needs_real:  # what real samples add is no term of a generated one
        moved = torch.stack([objective.generator(one[None], real + 1) for one in fake]) - each
        torch.testing.assert_close(moved, moved[:1].expand_as(moved))


@objects
def test_a_cross_entropy_is_that_of_real_against_generated(objective, pair):
    real, fake = pair
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real, torch.ones_like(real)) + entropy(fake, torch.zeros_like(fake))
    assert objective.cross_entropy == torch.allclose(objective.discriminator(real, fake), expected)


@objects
def test_both_players_pull_in_opposite_directions(objective, pair):
    """D wants real logits up and generated ones down, G generated ones up."""
    real, fake = (torch.zeros_like(each).requires_grad_() for each in pair)
    to_real, to_fake = torch.autograd.grad(objective.discriminator(real, fake), (real, fake))
    (wanted,) = torch.autograd.grad(objective.generator(fake, real), fake)
    assert (to_real < 0).all()
    assert (to_fake > 0).all()
    assert (wanted < 0).all()


def test_targets_of_least_squares_stand_where_they_belong():
    a, b, c = -1.0, 2.0, 0.5
    objective, real, fake = objectives.LeastSquares(a, b, c), torch.tensor([3.0]), torch.tensor([5.0])
    assert float(objective.discriminator(real, fake)) == ((3 - b) ** 2 + (5 - a) ** 2) / 2
    assert float(objective.generator(fake)) == (5 - c) ** 2 / 2
    with pytest.raises(ConfigError, match=r"fake_target=1\.0: must differ from real_target"):
        objectives.LeastSquares(fake_target=1.0)


def test_bidirectional_swaps_the_targets_of_both_sides(pair):
    real, fake = pair
    objective = objectives.Bidirectional()
    torch.testing.assert_close(objective.generator(fake, real), objective.discriminator(fake, real))
