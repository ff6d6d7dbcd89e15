"""What is configured applies to any loss, or is refused in its first update: nothing is lost in silence."""

import pytest
import torch
from torch import nn

from lightning_gans import GAN, Batch, Condition, ConfigError, Sample, TopK
from lightning_gans.augment import Color, DiffAugment, InstanceNoise
from lightning_gans.engine import Critic, discriminator_auc
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.objectives import (
    LeastSquares,
    Relativistic,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
)
from lightning_gans.regularizers import R1, R2, GradientPenalty, LabelSmoothing
from lightning_gans.schedule import Clock
from tests.games import drawn, gan, loss_of, points, same, state, train

IMAGES = torch.rand(32, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


def on_images(cls=GAN, **kwargs):
    torch.manual_seed(0)
    return cls(MLPGenerator(3, (1, 4, 4), (8,)), MLPDiscriminator((1, 4, 4), (8,), activation=nn.Tanh), **kwargs)


class ByHand(GAN):
    """Least squares, as the tutorial writes it."""

    def discriminator_loss(self, batch):
        real, fake = self.real(batch), self.fake(batch)
        real, fake = self.critic.score(real), self.critic.score(fake)
        return least_squares_discriminator_loss(real.logits, fake.logits)

    def generator_loss(self, batch):
        logits = self.critic.score(self.fake(batch)).logits
        return least_squares_generator_loss(self.critic.select(logits))


SETTINGS = {
    "nothing": {},
    "R1": {"regularizers": [R1(3.0)]},
    "R1 lazily": {"regularizers": [R1(3.0, interval=2)]},
    "R1 and R2": {"regularizers": [R1(3.0), R2(2.0)]},
    "GradientPenalty": {"regularizers": [GradientPenalty(5.0)]},
    "DiffAugment": {"augment": [DiffAugment()]},
    "InstanceNoise": {"augment": [InstanceNoise(0.5)]},
    "TopK": {"top_k": TopK(0.5, decay_steps=2)},
    "all": {
        "regularizers": [R1(3.0, interval=2), GradientPenalty(5.0)],
        "augment": [InstanceNoise(0.5), DiffAugment()],
        "top_k": TopK(0.5, decay_steps=2),
    },
}


@pytest.fixture(scope="module")
def plain():
    """The weights after training with nothing configured."""
    model = on_images(ByHand)
    train(model, 4, data=IMAGES, batch_size=16)
    return state(model)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_loss_by_hand_equals_the_built_in_one_bit_for_bit(settings, plain):
    by_hand, built_in = on_images(ByHand, **settings), on_images(objective=LeastSquares(), **settings)
    for model in (by_hand, built_in):
        train(model, 4, data=IMAGES, batch_size=16)
    assert same(state(by_hand), state(built_in))
    assert same(state(by_hand), plain) == (not settings)


class Tutorial(GAN):
    """Scores real samples before it makes others, which is another order of draws."""

    def discriminator_loss(self, batch):
        real, fake = self.critic.score(self.real(batch)), self.critic.score(self.fake(batch))
        return ((real.logits - 1).square().mean() + fake.logits.square().mean()) / 2

    def generator_loss(self, batch):
        return (self.critic.score(self.fake(batch)).logits - 1).square().mean() / 2


def test_the_tutorial_s_loss_is_penalized():
    losses = [loss_of(on_images(Tutorial, regularizers=each), "discriminator", IMAGES) for each in ([R1(3.0)], [])]
    model, x = on_images(), IMAGES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(x).sum(), x)
    torch.testing.assert_close(losses[0] - losses[1], 3 / 2 * slope.flatten(1).square().sum(1).mean())


class InPart(GAN):
    """A loss that is more than the objective's, but begins with it."""

    def discriminator_loss(self, batch):
        return self.critic.discriminator_loss(self.real(batch), self.fake(batch)) + 0 * self.real(batch).image.sum()


class Remembering(GAN):
    """Its discriminator is shown earlier images too."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.critic = Critic(self.discriminator, self.critic.objective, history=8)


class RememberingInPart(InPart, Remembering):
    pass


@pytest.mark.parametrize(
    ("part", "whole", "settings"),
    [(InPart, GAN, {"regularizers": [LabelSmoothing(0.8)]}), (RememberingInPart, Remembering, {})],
)
def test_what_changes_the_objective_goes_with_it(part, whole, settings):
    models = [on_images(cls, **settings) for cls in (part, whole)]
    for model in models:
        train(model, 4, data=IMAGES, batch_size=16)
    assert same(*map(state, models))


class Direct(GAN):
    """Least squares with the networks themselves, as one would write it elsewhere."""

    def discriminator_loss(self, batch):
        fake = self.generator(self.latent(batch))
        return ((self.discriminator(batch.image) - 1).square().mean() + self.discriminator(fake).square().mean()) / 2


class DirectGenerator(GAN):
    def generator_loss(self, batch):
        return (self.discriminator(self.generator(self.latent(batch))) - 1).square().mean() / 2


class HalfDirect(GAN):
    """The real images through the critic, the generated ones past it."""

    def discriminator_loss(self, batch):
        fake = self.generator(self.latent(batch))
        real = self.critic.logits(Sample(batch.image))
        return ((real - 1).square().mean() + self.discriminator(fake).square().mean()) / 2


class RememberingByHand(ByHand, Remembering):
    pass


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        (Direct, {"regularizers": [R1()]}, "regularizers='R1': the discriminator's loss scored no real"),
        (Direct, {"regularizers": [R1(interval=16)]}, "regularizers='R1': the discriminator's loss scored no real"),
        (Direct, {"regularizers": [R2(), R1()]}, "regularizers='R2, R1': the discriminator's loss"),
        (Direct, {"regularizers": [GradientPenalty()]}, "regularizers='GradientPenalty': the discriminator's loss"),
        (Direct, {"regularizers": [LabelSmoothing()]}, "regularizers='LabelSmoothing': the discriminator's loss"),
        (
            Direct,
            {"augment": [DiffAugment()]},
            "augment='DiffAugment': the discriminator's loss calls the network itself",
        ),
        (HalfDirect, {"augment": [DiffAugment()]}, "augment='DiffAugment': the discriminator's loss calls the network"),
        (Direct, {"augment": [InstanceNoise()]}, "augment='InstanceNoise': the discriminator's loss calls the network"),
        (
            DirectGenerator,
            {"augment": [DiffAugment()]},
            "augment='DiffAugment': the generator's loss calls the network",
        ),
        (DirectGenerator, {"augment": [InstanceNoise()]}, "augment='InstanceNoise': the generator's loss calls"),
        (DirectGenerator, {"top_k": TopK()}, "top_k='TopK': the generator's loss is written by hand"),
        (Tutorial, {"top_k": TopK()}, "top_k='TopK': the generator's loss is written by hand"),
        (ByHand, {"regularizers": [LabelSmoothing()]}, "regularizers='LabelSmoothing': the discriminator's loss is"),
        (RememberingByHand, {}, "history='History': the discriminator's loss is written by hand"),
    ],
)
def test_a_loss_that_passes_by_what_is_configured_is_refused_in_its_first_update(cls, settings, message):
    model = on_images(cls, **settings)
    with pytest.raises(ConfigError, match=message) as told:
        train(model, 3, data=IMAGES, batch_size=16)
    assert "\n" not in str(told.value)
    assert "critic." in str(told.value)  # what to use instead
    assert model.step == 0


@pytest.mark.parametrize("cls", [Direct, DirectGenerator, HalfDirect])
def test_where_nothing_is_configured_any_loss_will_do(cls):
    model = on_images(cls)
    train(model, 3, data=IMAGES, batch_size=16)
    assert model.step == 3


def test_a_failing_loss_leaves_nothing_behind():
    class Failing(GAN):
        def generator_loss(self, batch):
            self.critic.score(self.fake(batch))
            raise RuntimeError("mine")

    model = gan(Failing, regularizers=[R1()], augment=[InstanceNoise()])
    with pytest.raises(RuntimeError, match="mine"):
        train(model, 1)
    assert model.critic._update is None
    assert not model.discriminator._forward_pre_hooks
    x = points(8)
    assert torch.equal(model.critic.logits(Sample(x)), model.discriminator(x))


# What a critic is.


def test_it_owns_nothing_and_detaches_nothing():
    model = gan()
    assert model.critic.network is model.discriminator
    assert not [name for name in model.state_dict() if name.startswith("critic")]
    fake = model.fake(Batch(points(8)))
    loss = model.critic.discriminator_loss(Sample(points(8)), fake)  # as unrolled GANs have it
    gradients = torch.autograd.grad(loss, list(model.generator.parameters()))
    assert all(bool(gradient.any()) for gradient in gradients)


class TwoHeads(nn.Module):
    """Logits, and something else."""

    def forward(self, image, *conditions):
        return image.sum(1, keepdim=True), 2 * image, *conditions


@pytest.mark.parametrize("together", [False, True])
def test_what_else_a_network_gives_is_kept(together):
    x = points(5)
    if together:
        critic = Critic(nn.Linear(2, 3), output_sizes=(1, 2))
        scored, expected = critic.score(Sample(x)), critic.network(x)
        logits, rest = expected[:, :1], [expected[:, 1:]]
    else:
        label = torch.arange(5)
        scored = Critic(TwoHeads(), output_sizes=(1, 2)).score(Sample(x, Condition(label=label)))
        logits, rest = x.sum(1, keepdim=True), [2 * x, label.float()]
    assert torch.equal(scored.logits, logits)
    assert len(scored.rest) == len(rest)
    assert all(map(torch.equal, scored.rest, rest))
    assert scored.sample.image is x


def test_outputs_of_another_size_are_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"discriminator='outputs \(4,\)': this model needs 1 \+ 2"):
        Critic(nn.Linear(2, 4), output_sizes=(1, 2)).score(Sample(points(5)))


def test_logits_have_single_precision_or_more():
    x = points(5)
    for dtype, expected in ((torch.bfloat16, torch.float32), (torch.float64, torch.float64)):
        critic = Critic(nn.Linear(2, 1, dtype=dtype), LeastSquares())
        assert critic.logits(Sample(x.to(dtype))).dtype == expected


def test_losses_without_an_objective_or_without_what_it_needs_are_refused():
    x = Sample(points(4))
    for loss in (lambda critic: critic.discriminator_loss(x, x), lambda critic: critic.generator_loss(x)):
        with pytest.raises(ConfigError, match="objective=None: this model has a loss of its own"):
            loss(Critic(nn.Linear(2, 1)))
    paired = Critic(nn.Linear(2, 1), Relativistic())
    assert paired.needs_real
    with pytest.raises(ConfigError, match="objective='Relativistic': the generator's loss needs real samples too"):
        paired.generator_loss(x)
    torch.testing.assert_close(paired.generator_loss(x, x), torch.tensor(2.0).log())


def test_the_augmentation_is_drawn_anew_for_each_sample_and_update():
    model, batch = on_images(augment=[DiffAugment([Color()])]), Batch(IMAGES)
    seen = []
    critic = Critic(nn.Identity(), augment=model.critic.augment)
    for step in (0, 1):
        model._rng.seek(step, 0)
        critic.begin(Clock(step=step), model.rand, None, trains=True)
        seen += [critic.logits(model.real(batch)) for _ in range(2)]
    expected = [Color()(IMAGES, drawn(torch.rand, (32, 3), step, 0, draw)) for step in (0, 1) for draw in (0, 1)]
    for one, other in zip(seen, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_discriminator_auc_is_the_area_under_the_curve():
    from sklearn.metrics import roc_auc_score

    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(50, 1, generator=generator) + 0.5, torch.randn(70, 1, generator=generator)
    labels = torch.cat([torch.ones(50), torch.zeros(70)])
    expected = roc_auc_score(labels.numpy(), torch.cat([real, fake]).squeeze(1).numpy())
    assert float(discriminator_auc(real, fake)) == pytest.approx(expected, abs=1e-6)
    assert float(discriminator_auc(torch.zeros(4), torch.zeros(5))) == 0.5
    patches = discriminator_auc(real.expand(50, 9).view(50, 1, 3, 3), fake.expand(70, 9).view(70, 1, 3, 3))
    assert float(patches) == pytest.approx(expected, abs=1e-6)
