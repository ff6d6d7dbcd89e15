"""R1 and R2 in games: against differences, against torch.autograd written out, and how often D is called."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import GAN, MMDGAN, R3GAN, WGAN, ConfigError, PacGAN, Ramp
from lightning_gans.augment import Color, DiffAugment, InstanceNoise, RandomTranslation
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.regularizers import R1, R2, GradientPenalty
from tests.games import drawn, gan, loss_of, points, same, state, train


def squared_slopes(network, x):
    """|grad D(x)|^2 of each sample by central differences, (N,)."""
    step = 1e-5
    moved = [(network(x + step * axis) - network(x - step * axis)) / (2 * step) for axis in torch.eye(2)]
    return torch.cat(moved, 1).square().sum(1)


def gradients(model, batch, step=0):
    """Of what the discriminator descends, by name of the weight."""
    return derivatives(model, loss_of(model, "discriminator", batch, step))


def derivatives(model, loss):
    weights = dict(model.discriminator.named_parameters())
    return dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))


def hand_written(batch, *, real_weight=0.0, fake_weight=0.0, cls=GAN, step=0):
    """The same, of the plain loss and gamma / 2 times penalties written out."""
    model = gan(cls)
    loss = loss_of(model, "discriminator", batch, step)
    fake = model.generator(drawn(torch.randn, (len(batch), 3), step, 0, 0)).detach()
    for weight, x in ((real_weight, batch), (fake_weight, fake)):
        loss = loss + weight / 2 * squared_slopes(model.discriminator, x).mean()
    return derivatives(model, loss)


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("cls", [GAN, WGAN])
@pytest.mark.parametrize(
    ("regularizers", "real_weight", "fake_weight"), [([R1(3.0)], 3, 0), ([R2(4.0)], 0, 4), ([R1(3.0), R2(4.0)], 3, 4)]
)
@pytest.mark.usefixtures("double")
def test_gradients_are_those_of_half_gamma_times_the_penalty(cls, regularizers, real_weight, fake_weight):
    x = points(8)
    found = gradients(gan(cls, regularizers=regularizers), x)
    assert_close(found, hand_written(x, real_weight=real_weight, fake_weight=fake_weight, cls=cls))
    plain = hand_written(x, cls=cls)
    assert max((gradient - plain[name]).abs().max() for name, gradient in found.items()) > 1e-3


@pytest.mark.usefixtures("double")
def test_lazily_it_counts_as_much_but_is_computed_seldom():
    x, model = points(8), gan(regularizers=[R1(3.0, interval=4)])
    for step in range(9):
        found = gradients(model, x, step)
        assert_close(found, hand_written(x, real_weight=0.0 if (step + 1) % 4 else 4 * 3.0, step=step))


def test_the_interval_counts_updates_of_the_discriminator_wherever_it_plays():
    """With two updates a step, an interval of 4 is due in the second update of every second step."""
    seen = []

    class Counted(R1):
        def penalty(self, *args):
            seen.append((model.step, model._rng._update))
            return super().penalty(*args)

    class Twice(GAN):
        def players(self):
            discriminator, generator = super().players()
            return [replace(discriminator, updates=2), generator]

    model = gan(Twice, regularizers=[Counted(interval=4)])
    train(model, 6)
    assert seen == [(1, 1), (3, 1), (5, 1)]


def test_the_generator_is_not_penalized():
    losses = [loss_of(model, "generator", points(8)) for model in (gan(), gan(regularizers=[R1(), R2()]))]
    assert torch.equal(*losses)


def test_penalties_are_logged_and_no_weight_is_no_penalty():
    metrics = train(gan(regularizers=[R1(), R2()]), 5).callback_metrics
    assert metrics["penalty/r1"] > 0
    assert metrics["penalty/r2"] > 0
    assert metrics["penalty/r1"] != metrics["penalty/r2"]
    free, plain = gan(regularizers=[R1(gamma=0.0), R2(gamma=0.0)]), gan()
    train(free, 5)
    train(plain, 5)
    assert same(state(free), state(plain))


@pytest.mark.parametrize(
    ("regularizer", "weight"), [(R1, "gamma"), (R2, "gamma"), (GradientPenalty, r"gradient\.weight")]
)
def test_what_does_not_fit_is_refused_in_one_line(regularizer, weight):
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    with pytest.raises(ConfigError, match="BatchNorm1d at '1'"):
        GAN(nn.Linear(3, 2), critic, latent_dim=3, regularizers=[regularizer()])
    with pytest.raises(ConfigError, match=f"regularizers='{regularizer.__name__}'.*has a penalty of its own"):
        gan(MMDGAN, regularizers=[regularizer()])
    for bad, named in ((-1, "-1"), (Ramp(1.0, -2.0), r"-2\.0"), (float("nan"), "nan")):
        with pytest.raises(ConfigError, match=f"^{weight}={named}: must be 0 or more"):
            regularizer(bad)
    with pytest.raises(ConfigError, match=r"\.interval=0"):
        regularizer(interval=0)


def test_a_regularized_game_can_be_copied():
    model = gan(regularizers=[R1()])
    train(model, 2)
    assert same(state(copy.deepcopy(model)), state(model))


# The logits at hand serve the penalties.


class Calls(MLPDiscriminator):
    """Counts how often it is called."""

    count = 0

    def forward(self, *inputs):
        self.count += 1
        return super().forward(*inputs)


def on_images(cls=R3GAN, **kwargs):
    torch.manual_seed(0)
    discriminator = Calls((2, 4, 4), (8,), activation=nn.Tanh)  # bent: the penalties have a gradient of their own
    return cls(MLPGenerator(3, (2, 4, 4), (8,)), discriminator, **kwargs)


def images(n=6):
    return torch.rand(n, 2, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        ({"cls": R3GAN}, 2),
        ({"cls": R3GAN, "augment": [DiffAugment()]}, 2),
        ({"cls": GAN, "regularizers": [R1(), R2()]}, 2),
        ({"cls": GAN, "regularizers": [R1(interval=2)]}, 2),
        ({"cls": GAN, "regularizers": [GradientPenalty()]}, 3),  # at other samples
    ],
)
def test_the_discriminator_is_called_no_more_than_it_must(settings, calls):
    model = on_images(**settings)
    loss_of(model, "discriminator", images()).backward()
    assert model.discriminator.count == calls


def written_out(model, x, gamma, transforms=()):
    """R3GAN's L_D with both penalties as torch.autograd gives them, on the noise and numbers that the engine draws."""
    n, draws = len(x), iter(range(9))
    z = drawn(torch.randn, (n, 3), 0, 0, next(draws))
    fake, logits, penalties = model.generator(z).detach(), [], []
    for sample in (x, fake):
        before = sample.clone().requires_grad_()
        seen = before
        for transform in transforms:
            seen = transform(seen, drawn(torch.rand, (n, transform.num_uniforms), 0, 0, next(draws)))
        logits.append(model.discriminator(seen))
        (slope,) = torch.autograd.grad(logits[-1].sum(), before, create_graph=True)
        penalties.append(slope.flatten(1).square().sum(1).mean())
    return F.softplus(logits[1] - logits[0]).mean() + gamma / 2 * (penalties[0] + penalties[1])


@pytest.mark.parametrize("transforms", [(), (Color(), RandomTranslation(0.5))], ids=["plain", "augmented"])
@pytest.mark.usefixtures("double")
def test_the_gradient_is_by_the_image_before_the_augmentation_that_the_logits_saw(transforms):
    augment = [DiffAugment(transforms)] if transforms else []
    model, x = on_images(gamma=0.7, augment=augment), images()
    loss, expected = loss_of(model, "discriminator", x), written_out(model, x, 0.7, transforms)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    assert_close(derivatives(model, loss), derivatives(model, expected))
    if transforms:  # and not by the augmented image, whose slope has another size
        assert (loss - written_out(model, x, 0.7)).abs() > 1e-4


@pytest.mark.usefixtures("double")
def test_under_noise_it_is_taken_at_noisy_samples():
    model, x = gan(regularizers=[R1(2.0)], augment=[InstanceNoise(0.5, 10)]), points(8)
    plain = gan(augment=[InstanceNoise(0.5, 10)])
    added = loss_of(model, "discriminator", x) - loss_of(plain, "discriminator", x)
    noise = drawn(torch.randn, x.shape, 0, 0, 1)  # after that of the latents
    expected = squared_slopes(model.discriminator, x + 0.5 * noise).mean()
    torch.testing.assert_close(added, expected, rtol=1e-5, atol=0)


@pytest.mark.usefixtures("double")
def test_the_slope_of_a_pack_is_that_of_all_its_samples_together():
    torch.manual_seed(0)
    discriminator = MLPDiscriminator((4,), (8,), activation=nn.Tanh)
    generator, x = MLPGenerator(3, (2,), (8,), tanh_output=False), points(8)
    penalized, plain = (PacGAN(generator, discriminator, regularizers=each) for each in ([R1(2.0)], []))
    added = loss_of(penalized, "discriminator", x) - loss_of(plain, "discriminator", x)
    pack = torch.cat(x.chunk(2), dim=1).requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(pack).sum(), pack)
    torch.testing.assert_close(added.detach(), slope.square().sum(1).mean())
