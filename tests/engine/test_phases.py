"""Phases of a run: who plays when, how long, and that it is so after a resume too."""

from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Callback
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR

from lightning_gans import GAN, ConfigError, Phase, Player, Ramp
from lightning_gans.engine import adam
from lightning_gans.engine.phase import boundaries
from lightning_gans.regularizers import R1
from tests.games import SGD, gan, networks, points, same, state, train

HALVES = (Phase("pretrain", 0.5), Phase("gan", 0.5))
STEPS = 12


class Pretrained(GAN):
    """The generator fits the mean before the game begins; somebody else plays all the time."""

    def __init__(self, *args, phases=HALVES, **kwargs):
        super().__init__(*args, phases=phases, **kwargs)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.other = torch.nn.Linear(2, 1)
        self.played, self.clocks = [], []

    def players(self):
        discriminator, generator = super().players()
        schedule = {"class_path": "torch.optim.lr_scheduler.ExponentialLR", "init_args": {"gamma": 0.9}}
        return [
            Player("warm", self.warm_loss, [self.generator], adam(1e-2), phase="pretrain", scheduler=schedule),
            replace(discriminator, phase="gan"),
            replace(generator, phase="gan", scheduler=schedule),
            Player("always", lambda batch: self.other(batch.image).square().mean(), [self.other], SGD),
        ]

    def warm_loss(self, batch):
        return F.mse_loss(self.fake(batch).image.mean(0), batch.image.mean(0))

    def _update(self, index, *rest):
        self.played.append((self.step, self._roster.names[index]))
        self.clocks.append((self._roster.names[index], self._clock(index)))
        super()._update(index, *rest)


def steps_of(model, *names):
    return sorted({step for step, name in model.played if name in names})


def test_a_player_is_due_in_its_phase_alone():
    model = gan(Pretrained)
    trainer = train(model, STEPS)
    assert trainer.global_step == model.step == STEPS
    assert steps_of(model, "warm") == [*range(6)]
    assert steps_of(model, "discriminator") == steps_of(model, "generator") == [*range(6, 12)]
    assert steps_of(model, "always") == [*range(12)]
    assert model.phase == HALVES[1]
    assert gan().phase is None


def test_who_is_not_due_is_left_as_it_is():
    model = gan(Pretrained, phases=[Phase("pretrain", steps=4), Phase("gan", 1.0)])
    before, other, generator = (state(each) for each in (model.discriminator, model.other, model.generator))
    train(model, 4)
    assert same(before, state(model.discriminator))
    assert not same(other, state(model.other))
    assert not same(generator, state(model.generator))


@pytest.mark.parametrize(
    ("phases", "horizon", "ends"),
    [
        (HALVES, 100, [50]),
        (HALVES, 7, [4]),
        ((Phase("a", 1), Phase("b", 1), Phase("c", 2)), 100, [25, 50]),
        ((Phase("a", steps=10), Phase("b", 1), Phase("c", 2)), 100, [10, 40]),
        ((Phase("a", 1), Phase("b", steps=10), Phase("c", 2)), 100, [30, 40]),
        ((Phase("a", steps=10), Phase("b", 1.0)), float("inf"), [10]),
        ((Phase("a", steps=10), Phase("b", 1.0)), 5, [10]),
        ((Phase("a", 0.3),), 100, []),
    ],
)
def test_boundaries_are_shares_of_what_steps_leave(phases, horizon, ends):
    assert boundaries(phases, horizon) == ends


def test_schedulers_and_clocks_count_a_player_s_own_updates():
    model = gan(Pretrained)
    trainer = train(model, STEPS)
    rates = {
        name: trainer.optimizers[model._roster.slots[i]].param_groups[0]["lr"]
        for i, name in enumerate(model._roster.names)
    }
    assert rates["warm"] == pytest.approx(1e-2 * 0.9**6)
    assert rates["generator"] == pytest.approx(2e-4 * 0.9**6)
    for name, first in (("warm", 0), ("generator", 6)):
        seen = [clock for player, clock in model.clocks if player == name]
        assert [clock.step for clock in seen] == [*range(first, first + 6)]
        assert [clock.updates for clock in seen] == [*range(6)]
        assert [clock.progress for clock in seen] == pytest.approx([step / 6 for step in range(6)])  # of its phase
    always = [clock.progress for player, clock in model.clocks if player == "always"]
    assert always == pytest.approx([step / 12 for step in range(12)])  # of the run


def test_a_lazy_regularizer_counts_from_the_beginning_of_its_owner_s_phase():
    seen = []

    class Counted(R1):
        def penalty(self, *args):
            seen.append(model.step)
            return super().penalty(*args)

    model = gan(Pretrained, regularizers=[Counted(interval=4)], phases=[Phase("pretrain", steps=3), Phase("gan", 1.0)])
    train(model, STEPS)
    assert seen == [6, 10]  # its fourth and its eighth update


def test_the_average_follows_every_owner():
    model = gan(Pretrained, optimization={"ema_decay": 0.9})
    train(model, STEPS)
    assert model.ema.num_updates.tolist() == [STEPS]  # of the pretraining player, then of the generator's


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was not stopped, and its checkpoints after every third step."""
    folder = tmp_path_factory.mktemp("phases")

    class Saved(Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.save_checkpoint(folder / f"{trainer.global_step}.ckpt")

    model = gan(Pretrained, optimization={"ema_decay": 0.9})
    train(model, STEPS, callbacks=[Saved()], data=points(32))  # a step is an epoch, and resuming exact
    return folder, model


@pytest.mark.parametrize("stop", [3, 5, 6, 7, 10])
def test_a_stopped_run_goes_on_bit_for_bit_within_and_across_phases(stop, whole):
    folder, model = whole
    resumed = gan(Pretrained, optimization={"ema_decay": 0.9})
    train(resumed, STEPS, data=points(32), ckpt_path=folder / f"{stop}.ckpt")
    assert resumed.played == [each for each in model.played if each[0] >= stop]
    assert same(state(resumed), state(model))


def test_a_longer_run_does_not_fall_back_into_pretraining(whole):
    folder, _ = whole
    content = torch.load(folder / "7.ckpt", weights_only=True)
    assert content["lightning_gans"]["boundaries"] == [6]
    longer = gan(Pretrained, optimization={"ema_decay": 0.9})
    train(longer, 40, data=points(32), ckpt_path=folder / "7.ckpt")  # half of which would be 20
    assert steps_of(longer, "warm") == []
    assert steps_of(longer, "generator") == [*range(7, 40)]
    within = gan(Pretrained, optimization={"ema_decay": 0.9})
    train(within, 40, data=points(32), ckpt_path=folder / "3.ckpt")
    assert steps_of(within, "warm") == [3, 4, 5]  # nor does it stay there longer than it was to


class Decaying(Pretrained):
    def players(self):
        schedule = {"class_path": "torch.optim.lr_scheduler.ExponentialLR", "init_args": {"gamma": 0.5}}
        warm, discriminator, *rest = super().players()
        return [warm, replace(discriminator, scheduler=schedule), *rest]


def test_a_schedule_that_is_new_stands_where_its_player_is_in_its_phase(whole):
    folder, _ = whole
    model = gan(Decaying, optimization={"ema_decay": 0.9})
    trainer = train(model, STEPS, data=points(32), ckpt_path=folder / "10.ckpt")
    assert trainer.optimizers[1].param_groups[0]["lr"] == pytest.approx(2e-4 * 0.5**6)  # after six updates, not twelve


def test_other_phases_than_a_checkpoint_has_are_those_of_the_present_run(whole):
    folder, _ = whole
    phases = [*HALVES, Phase("rest", 1.0)]
    model = gan(Pretrained, phases=phases, optimization={"ema_decay": 0.9})
    train(model, 16, data=points(32), ckpt_path=folder / "7.ckpt")
    assert model._timeline.boundaries == [4, 8]
    assert steps_of(model, "generator") == [7]


def test_a_share_of_an_epoch_is_one_of_the_run():
    model = gan(Pretrained)
    train(model, -1, max_epochs=1, data=points(8 * 32))
    assert model._timeline.boundaries == [4]


class Ramped(GAN):
    def players(self):
        return [replace(each, ramps={"lr": Ramp(1.0, 0.0)}) for each in super().players()]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: gan(Pretrained), r"phases\.pretrain=0\.5: a share of a run without an end; set trainer\.max_steps"),
        (lambda: gan(Ramped), r"trainer\.max_steps=-1: ramps and schedules without a length"),
        (
            lambda: gan(regularizers=[R1(Ramp(1.0, 0.1))]),
            r"trainer\.max_steps=-1: ramps and schedules without a length",
        ),
        (
            lambda: gan(optimization={"generator_scheduler": CosineAnnealingLR}),
            r"trainer\.max_steps=-1: ramps and sched",
        ),
    ],
)
def test_shares_of_a_run_without_an_end_are_refused(build, message):
    with pytest.raises(ConfigError, match=message) as told:
        train(build(), -1)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Phase("a"), r"phases\.a=\(None, None\): give its share of the run, or its steps"),
        (lambda: Phase("a", 0.5, 3), r"phases\.a=\(0\.5, 3\)"),
        (lambda: Phase("a", 0.0), r"phases\.a=0\.0: must last longer"),
        (lambda: Phase("a", steps=-1), r"phases\.a=-1: must last longer"),
        (lambda: Phase("a", float("nan")), r"phases\.a=nan"),
        (
            lambda: train(gan(Pretrained, phases=[Phase("gan", 1.0)]), 2),
            r"warm\.phase='pretrain': is none of the phases",
        ),
        (lambda: train(gan(Pretrained, phases=[]), 2), r"warm\.phase='pretrain': is none of the phases"),
        (lambda: gan(phases=[Phase("a", 0.5), Phase("a", 0.5)]), "phases='a': two of them have this name"),
    ],
)
def test_impossible_phases_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_phases_may_be_plain_data():
    plain = Pretrained(*networks(), phases=[{"name": "pretrain", "steps": 2}, {"name": "gan", "share": 1.0}])
    train(plain, 4)
    assert steps_of(plain, "warm") == [0, 1]
