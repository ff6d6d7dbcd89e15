"""The objectives against theory: on a finite space the optimal discriminator and its value are known in closed form."""

import pytest
import torch

from lightning_gans import losses

P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)  # the data, on four places
Q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)  # the generator


def best_discriminator(loss, steps=1000):
    """Minimize a discriminator loss over all functions on four places; expectations are weighted by repetition."""
    counts = 20
    real = torch.repeat_interleave(torch.arange(4), (P * counts).round().long())
    fake = torch.repeat_interleave(torch.arange(4), (Q * counts).round().long())
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
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
    logits, value = best_discriminator(losses.minimax_discriminator_loss)
    torch.testing.assert_close(logits.sigmoid(), P / (P + Q), atol=1e-4, rtol=0)  # proposition 1
    middle = (P + Q) / 2
    divergence = (kl(P, middle) + kl(Q, middle)) / 2
    assert value == pytest.approx(2 * torch.log(torch.tensor(2.0)).item() - 2 * divergence, abs=1e-6)  # theorem 1


def test_least_squares_reaches_the_pearson_divergence():
    a, b, c = -1.0, 1.0, 0.0
    logits, _ = best_discriminator(lambda real, fake: losses.least_squares_discriminator_loss(real, fake, a, b))
    torch.testing.assert_close(logits, (b * P + a * Q) / (P + Q), atol=1e-4, rtol=0)
    generator = ((P + Q) * (logits - c) ** 2).sum()  # both sides of the paper's eq. 5: that of p is no concern of G
    pearson = ((P + Q - 2 * Q) ** 2 / (P + Q)).sum()
    torch.testing.assert_close(generator, pearson, atol=1e-4, rtol=0)


def test_hinge_reaches_the_total_variation_distance():
    logits, value = best_discriminator(losses.hinge_discriminator_loss)
    torch.testing.assert_close(logits, (P - Q).sign(), atol=0.02, rtol=0)
    assert value == pytest.approx(2 - 2 * float((P - Q).abs().sum() / 2), abs=0.02)


def test_wasserstein_is_shift_invariant_and_odd():
    real, fake = torch.randn(5, 1), torch.randn(7, 1)
    value = losses.wasserstein_discriminator_loss(real, fake)
    torch.testing.assert_close(losses.wasserstein_discriminator_loss(real + 3, fake + 3), value)
    torch.testing.assert_close(losses.wasserstein_discriminator_loss(fake, real), -value)


def test_both_generator_losses_have_the_same_direction_and_only_one_saturates():
    for level in (-20.0, 0.0, 3.0):
        logits = torch.full((4,), level, requires_grad=True)
        (minimax,) = torch.autograd.grad(losses.minimax_generator_loss(logits), logits)
        (steep,) = torch.autograd.grad(losses.non_saturating_generator_loss(logits), logits)
        assert (minimax < 0).all()
        assert (steep < 0).all()
    logits = torch.full((4,), -20.0, requires_grad=True)  # D is sure: the minimax gradient is gone
    (minimax,) = torch.autograd.grad(losses.minimax_generator_loss(logits), logits)
    (steep,) = torch.autograd.grad(losses.non_saturating_generator_loss(logits), logits)
    assert minimax.abs().max() < 1e-8
    torch.testing.assert_close(steep, torch.full((4,), -0.25))


PAIRS = [
    losses.minimax_discriminator_loss,
    losses.least_squares_discriminator_loss,
    losses.hinge_discriminator_loss,
    losses.wasserstein_discriminator_loss,
]


@pytest.mark.parametrize("loss", PAIRS, ids=lambda f: f.__name__)
def test_losses_are_finite_for_huge_logits_and_average_over_every_axis(loss):
    patches = torch.tensor([[-1e4, 1e4], [5.0, -5.0]])
    assert torch.isfinite(loss(patches, -patches))
    torch.testing.assert_close(loss(patches, -patches), loss(patches.flatten(), -patches.flatten()))
    torch.testing.assert_close(loss(patches.flip(0), -patches), loss(patches, -patches))  # the order does not matter
