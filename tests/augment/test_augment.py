"""What augmentations do to games: both sides change, each sample by itself, and gradients come through."""

import pytest
import torch
from torch import nn

from lightning_gans import (
    AAE,
    GAN,
    WGANGP,
    Batch,
    BiGAN,
    Condition,
    ConditionalGAN,
    ConfigError,
    HingeGAN,
    PacGAN,
    Sample,
    TopK,
)
from lightning_gans.augment import DiffAugment, InstanceNoise, Transform
from lightning_gans.engine import Critic
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.regularizers import R1, LabelSmoothing
from lightning_gans.schedule import Clock
from tests.games import drawn, gan, points, same, state, train

IMAGES = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def on_images(cls=GAN, **kwargs):
    torch.manual_seed(0)
    return cls(DCGANGenerator(4, (1, 8, 8), 4), DCGANDiscriminator((1, 8, 8), 4, batch_norm=False), **kwargs)


def seeing(model, network=None, step=0):
    """The critic of a model in the middle of an update, with another network: what it scores is what D would see."""
    critic = Critic(network or nn.Identity(), augment=model.critic.augment)
    model._rng.seek(step, 0)
    critic.begin(Clock(step=step), model.rand, None, trains=True)
    return critic


class Negative(Transform):
    """Can be seen through, and undone."""

    num_uniforms = 1

    def __call__(self, images, uniform):
        return torch.where(uniform[:, :1, None, None] < 0.5, -images, images)


# Instance noise.


def test_noise_is_added_to_both_sides_and_fades():
    model, batch = gan(augment=[InstanceNoise(2.0, decay_steps=4)]), Batch(points(4096))
    for step, std in ((0, 2.0), (1, 1.5), (3, 0.5)):
        critic = seeing(model, step=step)
        for sample in (model.real(batch), model.fake(batch)):
            noise = (critic.logits(sample) - sample.image).detach()
            assert float(noise.std()) == pytest.approx(std, rel=0.03)
            assert abs(float(noise.mean())) < 0.05 * std
    assert torch.equal(seeing(model, step=4).logits(model.real(batch)), batch.image)


def test_outside_of_an_update_nothing_is_changed():
    model, batch = gan(augment=[InstanceNoise()]), Batch(points(8))
    assert torch.equal(model.critic.logits(model.real(batch)), model.discriminator(batch.image))


def test_noise_is_on_samples_not_on_labels():
    seen = []

    class Recorder(nn.Module):
        def forward(self, image, labels):
            seen.append((image, labels))
            return image

    model = ConditionalGAN(on_images().generator, Recorder(), num_classes=10, augment=[InstanceNoise()])
    labels = torch.arange(64) % 10
    seeing(model, Recorder()).logits(Sample(IMAGES, Condition(label=labels)))
    assert torch.equal(seen[0][1], labels)
    assert not torch.equal(seen[0][0], IMAGES)


def test_beside_an_image_the_latent_stays_as_it_is_and_alone_it_is_changed():
    """A bidirectional discriminator is shown both, that of an adversarial autoencoder latents alone."""
    codes = points(8, 3)
    bigan = BiGAN(
        MLPGenerator(3, (2,)), MLPEncoder((2,), out_features=3), MLPDiscriminator((2,), latent_dim=3),
        augment=[InstanceNoise(1.0)],
    )  # fmt: skip
    shown = []
    network = type("Shown", (nn.Module,), {"forward": lambda _, *inputs: shown.append(inputs) or inputs[0]})()
    seeing(bigan, network).logits(Sample(points(8), latent=codes))
    assert torch.equal(shown[0][1], codes)
    assert not torch.equal(shown[0][0], points(8))
    aae = AAE(
        MLPGenerator(3, (2,)), MLPEncoder((2,), out_features=3), MLPDiscriminator((3,)), augment=[InstanceNoise()]
    )
    seeing(aae, network).logits(Sample(None, latent=codes))
    assert not torch.equal(shown[1][0], codes)


def test_its_standard_deviation_is_logged():
    metrics = train(gan(augment=[InstanceNoise(0.4, decay_steps=16)]), 5).callback_metrics
    assert float(metrics["instance_noise"]) == pytest.approx(0.3)  # of the fifth step, after four


# DiffAugment.


def test_both_sides_are_augmented_each_image_by_itself():
    model, batch = on_images(augment=[DiffAugment([Negative()])]), Batch(IMAGES)
    critic, flipped = seeing(model), []
    for sample in (model.real(batch), model.fake(batch)):
        shown = critic.logits(sample)
        same_sign = (shown == sample.image).flatten(1).all(1)
        assert torch.equal(shown[~same_sign], -sample.image[~same_sign])
        flipped.append(same_sign)
    assert 16 < int(flipped[0].sum()) < 48
    assert not torch.equal(*flipped)


def test_the_generator_s_gradient_comes_through_the_augmentation():
    model, images = on_images(augment=[DiffAugment([Negative()])]), IMAGES.clone().requires_grad_()
    seeing(model, nn.Flatten()).logits(Sample(images)).sum().backward()
    assert set(images.grad.unique().tolist()) == {-1.0, 1.0}


def test_the_paper_s_three_are_the_default():
    names = [type(each).__name__ for each in DiffAugment().transforms]
    assert names == ["Color", "RandomTranslation", "Cutout"]


def test_several_are_done_in_their_order():
    """Noise on a negative is another image than the negative of a noisy one."""
    batch, noise = Batch(IMAGES), drawn(torch.randn, IMAGES.shape, 0, 0, 1)
    model = on_images(augment=[DiffAugment([Negative()]), InstanceNoise(0.5)])
    uniform = drawn(torch.rand, (64, 1), 0, 0, 0)
    expected = Negative()(IMAGES, uniform) + 0.5 * noise
    torch.testing.assert_close(seeing(model).logits(model.real(batch)), expected)


def test_packs_are_augmented_sample_by_sample():
    torch.manual_seed(0)
    augment = [DiffAugment([Negative()]), InstanceNoise(0.0)]
    model = PacGAN(DCGANGenerator(4, (1, 8, 8), 4), nn.Identity(), augment=augment)
    packs = model.real(Batch(IMAGES))
    same_sign = (seeing(model).logits(packs) == packs.image).flatten(2).all(2)  # (N / 2, 2)
    assert bool((same_sign[:, 0] != same_sign[:, 1]).any())
    assert [each.logged(Clock()) for each in model.critic.augment] == [{}, {"instance_noise": 0.0}]


def test_points_are_refused():
    with pytest.raises(ConfigError, match="augment='DiffAugment': changes images"):
        train(gan(augment=[DiffAugment()]), 1)


# All that can be configured, together.

SETTINGS = {
    "regularizers": [LabelSmoothing(), R1(gamma=1.0, interval=2)],
    "augment": [InstanceNoise(0.3, 8), DiffAugment()],
    "top_k": TopK(decay_steps=4),
}


@pytest.mark.parametrize("cls", [WGANGP, HingeGAN])
def test_together_they_train_other_games_too(cls):
    model = on_images(cls, **SETTINGS | {"regularizers": [R1(gamma=1.0)]})
    before = state(model.generator)
    train(model, 6, data=IMAGES, batch_size=16)
    assert not same(before, state(model.generator))


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    whole, half, resumed = (on_images(**SETTINGS) for _ in range(3))
    train(whole, 8, data=IMAGES, batch_size=16)
    train(half, 4, data=IMAGES, batch_size=16).save_checkpoint(tmp_path / "half.ckpt")
    train(resumed, 8, data=IMAGES, batch_size=16, ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(resumed))


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions(precision):
    model = on_images(**SETTINGS)
    train(model, 2, data=IMAGES.double() if precision == "64-true" else IMAGES, batch_size=16, precision=precision)
    assert all(bool(p.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize(("settings", "named"), [({"std": -1}, "std=-1"), ({"decay_steps": 0}, "decay_steps=0")])
def test_impossible_noise_is_named(settings, named):
    with pytest.raises(ConfigError, match=named):
        InstanceNoise(**settings)
