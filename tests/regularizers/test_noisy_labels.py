"""Targets that are drawn: a cross-entropy with them, smoothing of both sides in the mean, and the best D then."""

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import WGAN, ConfigError
from lightning_gans.batch import Sample, Scored
from lightning_gans.engine import Critic
from lightning_gans.objectives import NonSaturating
from lightning_gans.regularizers import NoisyLabels
from tests.games import drawn, gan, loss_of, points


def scored(logits):
    return Scored(Sample(torch.zeros(len(logits), 2)), logits)


class Draws:
    """Random numbers that can be looked at."""

    def __init__(self):
        self.generator, self.seen = torch.Generator().manual_seed(0), []

    def __call__(self, distribution, *size):
        self.seen.append(distribution(*size, generator=self.generator))
        return self.seen[-1]


def penalty(labels, real, fake, rand=None):
    return labels.penalty(lambda sample: sample, scored(real), scored(fake), rand or Draws())


@pytest.mark.parametrize("shape", [(64, 1), (64,), (64, 1, 3, 3)])
def test_it_is_cross_entropy_with_the_targets_that_were_drawn(shape):
    rand, (real, fake) = Draws(), torch.randn(2, *shape)
    added = penalty(NoisyLabels(flip=0.3), real, fake, rand)
    flips, t, flipped, s = (each.reshape(-1, *[1] * (len(shape) - 1)) for each in rand.seen)
    high, low = (0.7 + 0.5 * t, 0.3 * t), (0.3 * s, 0.7 + 0.5 * s)
    t, s = torch.where(flips < 0.3, high[1], high[0]), torch.where(flipped < 0.3, low[1], low[0])
    assert (t < 0.5).any()
    assert (s > 0.5).any()
    expected = [F.binary_cross_entropy_with_logits(x, y.expand_as(x)) for x, y in ((real, t), (fake, s))]
    loss = NonSaturating().discriminator(real, fake) + added
    torch.testing.assert_close(loss, sum(expected))


def test_in_the_mean_it_is_smoothing_of_both_sides():
    real, fake = torch.full((200_000, 1), 2.0), torch.full((200_000, 1), -3.0)
    t, s = 0.9 * 0.95 + 0.1 * 0.15, 0.9 * 0.15 + 0.1 * 0.95
    found = penalty(NoisyLabels(flip=0.1), real, fake)
    assert float(found) == pytest.approx((1 - t) * 2 + s * 3, abs=0.01)


def test_the_best_discriminator_is_never_certain():
    """On three atoms with as many logits: D* = (t p + s q) / (p + q)."""
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.25, 0.75])
    labels, logits = NoisyLabels((0.9, 0.9), (0.2, 0.2), flip=0.0), torch.zeros(3, requires_grad=True)
    atoms = [torch.arange(3).repeat_interleave((4 * each).long()) for each in (p, q)]  # four samples each
    search = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        search.zero_grad()
        real, fake = (logits[each] for each in atoms)
        loss = NonSaturating().discriminator(real, fake) + penalty(labels, real, fake)
        loss.backward()
        return loss

    search.step(closure)
    torch.testing.assert_close(logits.detach().sigmoid(), (0.9 * p + 0.2 * q) / (p + q), atol=1e-3, rtol=0)


def test_a_step_takes_its_random_numbers_and_nothing_else_does():
    plain, noisy, x = gan(), gan(regularizers=[NoisyLabels((0.8, 0.8), (0.1, 0.1), flip=0.0)]), points(32)
    assert loss_of(plain, "generator", x) == loss_of(noisy, "generator", x)
    fake = noisy.generator(drawn(torch.randn, (32, 3), 0, 0, 0))
    expected = 0.2 * noisy.discriminator(x).mean() - 0.1 * noisy.discriminator(fake).mean()
    torch.testing.assert_close(loss_of(noisy, "discriminator", x) - loss_of(plain, "discriminator", x), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"real": (0.3, 0.5)}, r"real=\[0\.3, 0\.5\]: must be \[low, high\] with its middle from 0\.5 to 1:"),
        ({"real": (1.0, 1.2)}, r"real=\[1\.0, 1\.2\]: "),
        ({"fake": (0.3, 0.0)}, r"fake=\[0\.3, 0\.0\]: must be \[low, high\] with its middle from 0 to 0\.5"),
        ({"flip": 0.5}, r"flip=0\.5: must be a share"),
    ],
)
def test_what_is_no_target_is_refused(settings, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        NoisyLabels(**settings)


def test_losses_that_are_no_cross_entropy_are_refused():
    with pytest.raises(ConfigError, match=r"^regularizers='NoisyLabels': needs .* Wasserstein is none"):
        gan(WGAN, regularizers=[NoisyLabels()])
    assert Critic(gan().discriminator, NonSaturating(), [NoisyLabels()]).regularizers
