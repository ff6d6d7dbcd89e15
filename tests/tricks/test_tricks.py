"""What each trick does to a game, against formulas; and which games it refuses."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import GAN, LSGAN, WGAN, WGANGP, ConditionalGAN, HingeGAN, MinimaxGAN, PacGAN, ConfigError
from lightning_gans.augment import Augmentation, Translation
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator
from lightning_gans.tricks import R1, DiffAugment, InstanceNoise, LabelSmoothing, TopK
from tests.games import gan, networks, points, same, state, train

IMAGES = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def on_images(cls=GAN, **kwargs):
    torch.manual_seed(0)
    return cls(DCGANGenerator(4, (1, 8, 8), 4), DCGANDiscriminator((1, 8, 8), 4, batch_norm=False), **kwargs)


def loss_of(model, name, x):
    model._randomness.seek(model.step, 0)
    return getattr(model, name)(x)


# One-sided label smoothing.


def test_smoothing_is_cross_entropy_with_soft_targets_for_real_samples():
    model, x = gan(tricks=[LabelSmoothing(0.8)]), points(32)
    loss = loss_of(model, "charged_discriminator_loss", x)
    model._randomness.seek(0, 0)
    (fake,) = model.fake(x)
    real_logits, fake_logits = model.discriminator(x), model.discriminator(fake)
    expected = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, 0.8))
    expected += F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    torch.testing.assert_close(loss, expected)


def test_smoothing_leaves_the_generator_alone():
    plain, smooth = gan(), gan(tricks=[LabelSmoothing(0.8)])
    assert loss_of(plain, "generator_loss", points(32)) == loss_of(smooth, "generator_loss", points(32))


@pytest.mark.parametrize("cls", [WGAN, WGANGP, LSGAN, HingeGAN])
def test_smoothing_refuses_losses_that_are_no_cross_entropy(cls):
    with pytest.raises(ConfigError, match=f"tricks='LabelSmoothing': needs .* {cls.__name__} is none"):
        gan(cls, tricks=[LabelSmoothing()])


@pytest.mark.parametrize("cls", [GAN, MinimaxGAN])
def test_smoothing_takes_cross_entropies(cls):
    gan(cls, tricks=[LabelSmoothing()])


# Instance noise.


def test_noise_is_added_to_both_sides_and_fades():
    model, x = gan(tricks=[InstanceNoise(2.0, steps=4)]), points(4096)
    model.discriminator = nn.Identity()
    model._randomness.seek(0, 0)
    for step, sigma in ((0, 2.0), (1, 1.5), (3, 0.5)):
        model.step = step
        for judged in (model.real(x), model.fake(x)):
            noise = model.judge(*judged) - judged[0]
            assert float(noise.detach().std()) == pytest.approx(sigma, rel=0.03)
            assert abs(float(noise.detach().mean())) < 0.05 * sigma
    model.step = 4
    assert torch.equal(model.judge(x), x)


def test_noise_is_on_samples_not_on_labels():
    model = on_images()
    conditional = ConditionalGAN(model.generator, nn.Identity(), num_classes=10, tricks=[InstanceNoise()])
    labels = torch.arange(64) % 10
    shown = conditional.shown((IMAGES, labels))
    assert torch.equal(shown[1], labels)
    assert not torch.equal(shown[0], IMAGES)


# Top k.


def test_top_k_averages_over_the_best():
    model, x = gan(tricks=[TopK(share=0.25, steps=8)]), points(64)
    for step, count in ((0, 64), (4, 32), (8, 16), (100, 16)):
        model.step = step
        model._randomness.seek(step, 0)
        logits = model.discriminator(*model.fake(x))
        expected = F.softplus(-logits.flatten().sort(descending=True).values[:count]).mean()
        torch.testing.assert_close(loss_of(model, "generator_loss", x), expected)


def test_top_k_leaves_the_discriminator_alone():
    plain, chosen = gan(), gan(tricks=[TopK(share=0.25, steps=1)])
    plain.step = chosen.step = 9
    x = points(64)
    assert loss_of(plain, "discriminator_loss", x) == loss_of(chosen, "discriminator_loss", x)


def test_top_k_ranks_samples_by_the_mean_of_their_logits_and_packs_as_one():
    trick = TopK(share=0.5, steps=1)
    model = gan(tricks=[trick])
    model.step = 1
    logits = torch.tensor([[0.0, 9.0], [3.0, 3.0], [5.0, 5.0], [1.0, 1.0]])
    assert trick.heard(model, logits).tolist() == [[5.0, 5.0], [0.0, 9.0]]
    assert sorted(trick.heard(model, logits[:, 0]).tolist()) == [3.0, 5.0]
    generator, _ = networks()
    packs = PacGAN(generator, MLPDiscriminator((4,), (8,)), tricks=[trick])
    packs.step = 1
    assert packs.judge_fake(packs.fake(points(64))).shape == (16, 1)


def test_top_k_refuses_losses_of_all_samples_together():
    class Together(GAN):
        sample_wise = False

    with pytest.raises(ConfigError, match=r"tricks='TopK': .* Together is no mean"):
        gan(Together, tricks=[TopK()])


# DiffAugment.


class Negative(Augmentation):
    """Can be seen through, and undone."""

    draws = 1

    def __call__(self, images, uniform):
        return torch.where(uniform[:, :1, None, None] < 0.5, -images, images)


def test_both_sides_are_augmented_each_image_by_itself():
    model = on_images(tricks=[DiffAugment([Negative()])])
    model.discriminator = nn.Identity()
    model._randomness.seek(0, 0)
    flipped = []
    for judged in (model.real(IMAGES), model.fake(IMAGES)):
        shown = model.judge(*judged)
        same_sign = (shown == judged[0]).flatten(1).all(1)
        assert torch.equal(shown[~same_sign], -judged[0][~same_sign])
        flipped.append(same_sign)
    assert 16 < int(flipped[0].sum()) < 48
    assert not torch.equal(*flipped)


def test_the_generator_s_gradient_comes_through_the_augmentation():
    model = on_images(tricks=[DiffAugment([Negative()])])
    model.discriminator = nn.Flatten()
    images = IMAGES.clone().requires_grad_()
    model._randomness.seek(0, 0)
    model.judge(images).sum().backward()
    assert set(images.grad.unique().tolist()) == {-1.0, 1.0}


def test_the_paper_s_three_are_the_default():
    names = [type(each).__name__ for each in DiffAugment().augmentations]
    assert names == ["Color", "Translation", "Cutout"]


def test_packs_are_augmented_sample_by_sample():
    torch.manual_seed(0)
    model = PacGAN(DCGANGenerator(4, (1, 8, 8), 4), nn.Identity(), tricks=[DiffAugment([Negative()])])
    model._randomness.seek(0, 0)
    packs = model.real(IMAGES)
    same_sign = (model.judge(*packs) == packs[0]).flatten(2).all(2)  # (N / 2, 2)
    assert bool((same_sign[:, 0] != same_sign[:, 1]).any())


def test_points_are_refused():
    with pytest.raises(ConfigError, match="tricks='DiffAugment': changes images"):
        train(gan(tricks=[DiffAugment()]), 1)


# All of them.

TRICKS = [LabelSmoothing(), InstanceNoise(0.3, 8), TopK(steps=4), DiffAugment(), R1(gamma=1.0)]


@pytest.mark.parametrize("cls", [WGANGP, HingeGAN])
def test_together_they_train_other_games_too(cls):
    model = on_images(cls, tricks=TRICKS[1:])
    before = state(model.generator)
    train(model, 6, data=IMAGES, batch_size=16)
    assert not same(before, state(model.generator))


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    whole = on_images(tricks=TRICKS)
    train(whole, 8, data=IMAGES, batch_size=16)
    half = train(on_images(tricks=TRICKS), 4, data=IMAGES, batch_size=16)
    half.save_checkpoint(tmp_path / "half.ckpt")
    resumed = on_images(tricks=TRICKS)
    train(resumed, 8, data=IMAGES, batch_size=16, ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(resumed))


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions(precision):
    model = on_images(tricks=TRICKS)
    train(model, 2, data=IMAGES, batch_size=16, precision=precision)
    assert all(bool(p.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LabelSmoothing(0.4), r"target=0\.4"),
        (lambda: InstanceNoise(-1), "std=-1"),
        (lambda: InstanceNoise(steps=0), "steps=0"),
        (lambda: TopK(share=0), "share=0"),
        (lambda: TopK(steps=0), "steps=0"),
        (lambda: Translation(-1), "ratio=-1"),
    ],
)
def test_bad_settings_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
