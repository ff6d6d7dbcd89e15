"""A setting that changes at a step: as if it had been so from there on."""

import pytest
import torch

from lightning_gans import GAN, WGAN, WGANGP, ConfigError, Player
from lightning_gans.callbacks import ScheduledChanges
from lightning_gans.engine import adam
from lightning_gans.regularizers import R1
from tests.games import BOTH_SGD, SGD, gan, points, same, state, train


def change(step, setting, value):
    return {"step": step, "setting": setting, "value": value}


def fast(**settings):
    return SGD | {"init_args": {"lr": 0.2}} | settings


@pytest.mark.parametrize(
    ("cls", "given", "setting", "value", "built"),
    [
        (GAN, {}, "generator.lr", 0.2, {"optimization": BOTH_SGD | {"generator": fast()}}),
        (GAN, {}, "discriminator.lr", 0.2, {"optimization": BOTH_SGD | {"discriminator": fast()}}),
        (GAN, {}, "generator.interval", 3, {"optimization": BOTH_SGD | {"n_critic": 3}}),
        (GAN, {}, "generator.updates", 2, {"optimization": BOTH_SGD | {"n_generator": 2}}),
        (GAN, {"regularizers": [R1(1.0)]}, "r1.weight", 5.0, {"regularizers": [R1(gamma=10.0)]}),
        (WGAN, {}, "clip_value", 0.3, {"clip_value": 0.3}),
        (WGANGP, {}, "gp_weight", 0.5, {"gp_weight": 0.5}),
    ],
)
def test_a_change_before_the_first_step_is_as_building_the_game_so(cls, given, setting, value, built):
    settings = {"optimization": BOTH_SGD} | given
    changed, unchanged, rebuilt = gan(cls, **settings), gan(cls, **settings), gan(cls, **settings | built)
    train(changed, 6, callbacks=[ScheduledChanges([change(0, setting, value)])])
    train(unchanged, 6)
    train(rebuilt, 6)
    assert same(state(changed), state(rebuilt))
    assert not same(state(changed), state(unchanged))


class Lazy(GAN):
    """A second term of the generator's in every fourth step, with the same Adam."""

    def players(self):
        term = Player(
            "cost",
            lambda batch: self.fake(batch).image.square().mean(),
            [self.generator],
            shares="generator",
            interval=4,
        )
        return [*super().players(), term]


def test_a_rate_is_corrected_for_who_shares_its_optimizer_as_when_it_is_built():
    changed, rebuilt = gan(Lazy), gan(Lazy, optimization={"generator": adam(3e-3)})
    train(changed, 8, callbacks=[hook := ScheduledChanges([change(0, "generator.lr", 3e-3)])])
    train(rebuilt, 8)
    for name, weight in rebuilt.generator.named_parameters():
        assert torch.allclose(weight, changed.generator.get_parameter(name), atol=1e-6)
    assert changed.settings.present()["generator.lr"] == pytest.approx(3e-3)
    with pytest.raises(ConfigError, match="cannot be changed"):  # the correction was for so many
        hook.add(changed, "cost.interval", 2)


def test_who_stands_still_keeps_every_bit_and_the_others_play_on():
    model, seen = gan(optimization=BOTH_SGD | {"ema_decay": 0.0}), []
    hook = ScheduledChanges([change(2, "generator.plays", False), change(5, "generator.plays", True)])
    hook.on_train_batch_end = lambda *_: seen.append(state(model))
    train(model, 8, callbacks=[hook])

    def moved(step, part):
        before, after = seen[step - 1], seen[step]
        return any(not torch.equal(before[name], after[name]) for name in before if name.startswith(part))

    assert [moved(step, "generator") for step in range(1, 8)] == [True, False, False, False, True, True, True]
    assert all(moved(step, "discriminator") for step in range(1, 8))


def test_a_run_that_goes_on_makes_earlier_changes_again(tmp_path):
    changes = [
        change(7, "discriminator.interval", 2),
        change(3, "discriminator.lr", 0.2),
        change(4, "generator.plays", False),
    ]
    whole, first, second = (gan(optimization=BOTH_SGD) for _ in range(3))
    epoch = points(5 * 32)
    train(whole, 10, data=epoch, callbacks=[ScheduledChanges(changes)])
    stopped = train(first, 5, data=epoch, callbacks=[ScheduledChanges(changes)])
    stopped.save_checkpoint(path := tmp_path / "five.ckpt")
    train(second, 10, data=epoch, ckpt_path=path, callbacks=[ScheduledChanges(changes)])
    assert same(state(second), state(whole))
    assert not same(state(first), state(whole))


LINEAR = {"class_path": "torch.optim.lr_scheduler.LinearLR"}


@pytest.mark.parametrize(
    ("optimization", "setting", "value", "line"),
    [
        ({}, "generator.rate", 1.0, "generator.rate=1.0: cannot be changed on the way; what can: discriminator.lr, "),
        ({}, "latent_dim", 3, "latent_dim=3: cannot be changed"),
        ({}, "generator.lr", -1.0, "generator.lr=-1.0: must be a number, 0 or more"),
        ({}, "generator.lr", float("nan"), "generator.lr=nan: must be a number"),
        ({}, "generator.lr", True, "generator.lr=True: must be a number"),
        ({}, "generator.updates", 0, "generator.updates=0: must be a whole number"),
        ({}, "generator.plays", 1, "generator.plays=1: is true, or false"),
        ({"generator_scheduler": LINEAR}, "generator.lr", 0.1, "generator.lr=0.1: a scheduler sets it"),
        ({"decay_begin": 0.5}, "generator.lr", 0.1, "generator.lr=0.1: falls or rises by a ramp"),
    ],
)
def test_what_cannot_be_changed_is_refused_before_the_first_step(optimization, setting, value, line):
    model = gan(optimization=BOTH_SGD | optimization)
    with pytest.raises(ConfigError) as refusal:
        train(model, 4, callbacks=[ScheduledChanges([change(3, setting, value)])])
    assert str(refusal.value).startswith(line)
    assert model.step == 0


@pytest.mark.parametrize("given", [{"step": 1}, {"step": -1, "setting": "generator.lr", "value": 1.0}])
def test_a_change_of_another_form_is_refused(given):
    with pytest.raises(ConfigError, match="each has a step, 0 or more, a setting and a value"):
        ScheduledChanges([given])
