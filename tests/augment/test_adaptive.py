"""Adaptive augmentation: p follows the discriminator's overfitting, and survives a stop."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from lightning_gans import GAN, ConfigError, PacGAN
from lightning_gans.augment import AdaptiveAugment, Blit, RandomAugment, RandomCutout
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator
from lightning_gans.objectives import Hinge, LeastSquares, Relativistic, Wasserstein
from lightning_gans.regularizers import R1
from lightning_gans.schedule import Clock, Ramp
from tests.games import gan, same, state, train

IMAGES = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def on_images(cls=GAN, pack=1, **kwargs):
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator((pack, 8, 8), 4, batch_norm=False)
    return cls(DCGANGenerator(4, (1, 8, 8), 4), discriminator, **kwargs)


def observed(ada, *logits, begin=0):
    """The probability in each of D's updates, on 8 images, that score real ones so, and in the next one."""
    seen = [float(ada.p)]
    for update, each in enumerate(logits, begin):
        ada.observe(torch.tensor(each), Clock(updates=update, batch_size=8))
        seen.append(float(ada.p))
    return seen


KNOWN, GUESSED = [1.0, 2.0, 0.5, 3.0], [1.0, -2.0, -0.5, 3.0]


def test_p_rises_where_real_images_are_known_by_heart_and_falls_where_not():
    ada = AdaptiveAugment(images=160, interval=2)
    assert observed(ada, *[KNOWN] * 6) == pytest.approx([0, 0, 0, 0.1, 0.1, 0.2, 0.2])
    assert observed(ada, *[GUESSED] * 9, begin=6) == pytest.approx([0.2, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0, 0, 0])
    assert ada.logged(Clock()) == {"augment_p": 0, "augment_rt": 0}


def test_the_mean_sign_is_over_all_images_since_the_last_change():
    ada = AdaptiveAugment(images=160, interval=2, target=0.6)
    observed(ada, [1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, -1.0], GUESSED)
    assert ada.logged(Clock()) == {"augment_p": pytest.approx(0.1), "augment_rt": 0.75}


def test_p_has_no_upper_limit_and_counts_as_1_beyond_it():
    ada = AdaptiveAugment(images=16, interval=1)
    assert observed(ada, *[KNOWN] * 4, *[GUESSED] * 4) == [0, 0, 0.5, 1, 1, 1, 1, 1, 0.5]


def test_at_p_0_a_run_is_that_without_it_but_for_the_numbers_drawn():
    """Images go into D as they are: with the target out of reach, the first loss is bit-identical."""
    losses = []
    for augment in ([], [AdaptiveAugment(target=1.0)]):
        metrics = train(on_images(augment=augment), 1, data=IMAGES, batch_size=16, log_every_n_steps=1).callback_metrics
        losses.append(metrics["loss/discriminator"])
    assert torch.equal(*losses)


def sure(ada, cls=GAN, pack=1, **kwargs):
    """A game whose discriminator is sure of all images: p rises in every interval."""
    model = on_images(cls, pack, augment=[ada], **kwargs)
    list(model.discriminator.parameters())[-1].data.fill_(3.0)
    return model


@pytest.mark.parametrize("precision", ["32-true", "bf16-true", "bf16-mixed"])
def test_it_is_told_of_every_update_in_any_precision(precision):
    """One step of p is below what half precision resolves beside 1."""
    ada = AdaptiveAugment(images=10_000, interval=2, p=0.9)
    model = sure(ada, optimization={"micro_batches": 2})
    train(model, 7, data=IMAGES, batch_size=16, precision=precision)
    assert float(ada.p) == pytest.approx(0.9 + 3 * 2 * 16 / 10_000, abs=1e-6)
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    """Stopped between two changes of p: what has been counted so far counts on."""
    whole, half, resumed = (
        sure(AdaptiveAugment(images=100, interval=3, p=0.2), regularizers=[R1(gamma=1.0, interval=2)]) for _ in range(3)
    )
    train(whole, 8, data=IMAGES, batch_size=16)
    train(half, 4, data=IMAGES, batch_size=16).save_checkpoint(tmp_path / "half.ckpt")
    train(resumed, 8, data=IMAGES, batch_size=16, ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(resumed))
    assert float(whole.critic.augment[0].level) == 20 + 2 * 3 * 16


def test_packs_are_observed_too():
    metrics = train(sure(AdaptiveAugment(images=160, interval=1), PacGAN, 2), 5, data=IMAGES, batch_size=16)
    assert float(metrics.callback_metrics["augment_p"]) == pytest.approx(0.4)


def process(rank, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/init", rank=rank, world_size=2)
    ada = AdaptiveAugment(images=160, interval=1, target=0.0)
    observed(ada, [1.0, 1.0, 1.0] if rank else [-1.0], GUESSED)
    assert ada.logged(Clock()) == {"augment_p": pytest.approx(0.05), "augment_rt": 0.5}
    dist.destroy_process_group()


def test_processes_count_together(tmp_path):
    mp.start_processes(process, (tmp_path,), nprocs=2, start_method="fork")  # spawned ones import all again


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"target": 1.5}, r"target=1\.5"),
        ({"images": 0}, "images=0"),
        ({"interval": 0}, "interval=0"),
        ({"p": -0.1}, r"p=-0\.1"),
    ],
)
def test_impossible_settings_are_named(settings, named):
    with pytest.raises(ConfigError, match=named):
        AdaptiveAugment(**settings)


def test_points_are_refused():
    with pytest.raises(ConfigError, match="augment='AdaptiveAugment': changes images"):
        train(gan(augment=[AdaptiveAugment(transforms=[Blit()])]), 1)


def test_a_probability_may_be_ramped_over_the_run():
    augment = RandomAugment(Ramp(0.0, 0.8, until=0.5), [RandomCutout()])
    ones, shares = torch.ones(4096, 1, 4, 4), []
    for progress in (0.0, 0.25, 0.5, 1.0):
        clock = Clock(progress=progress)
        generator = torch.Generator().manual_seed(0)
        changed = augment(ones, lambda draw, *shape, g=generator: draw(*shape, generator=g), clock)
        shares.append(float((changed != ones).flatten(1).any(1).float().mean()))
        assert augment.logged(clock) == {"augment_p": pytest.approx([0.0, 0.4, 0.8, 0.8][len(shares) - 1])}
    assert shares == pytest.approx([0.0, 0.4, 0.8, 0.8], abs=0.03)


@pytest.mark.parametrize(
    "ramped",
    [{"augment": [RandomAugment(Ramp(0.0, 0.5))]}, {"optimization": {"ema_half_life": Ramp(0.0, 100.0)}}],
    ids=["augment", "ema_half_life"],
)
def test_a_ramp_needs_the_length_of_the_run(ramped):
    with pytest.raises(ConfigError, match=r"trainer\.max_steps=-1: ramps"):
        train(on_images(**ramped), -1, data=IMAGES)


@pytest.mark.parametrize(
    "objective", [Wasserstein(), LeastSquares(), Relativistic()], ids=lambda each: type(each).__name__
)
def test_logits_without_a_zero_are_refused(objective):
    with pytest.raises(ConfigError, match="AdaptiveAugment': follows the signs of logits"):
        gan(objective=objective, augment=[AdaptiveAugment()])
    gan(objective=Hinge(), augment=[AdaptiveAugment()])
