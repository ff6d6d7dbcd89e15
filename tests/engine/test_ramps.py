"""What changes in the course of a run is a function of the step alone, also after a resume."""

from dataclasses import replace

import pytest
from lightning.pytorch import Callback

from lightning_gans import GAN, R3GAN, ConfigError, Phase, Ramp
from lightning_gans.regularizers import R1, Regularizer
from lightning_gans.schedule import Clock, value_at
from tests.games import SGD, gan, points, same, state, train

STEPS = 10
RAMPS = {"lr": Ramp(1.0, 0.1), "beta1": Ramp(0.0, 0.5, begin=0.5), "beta2": Ramp(0.9, 0.99, until=0.5, cosine=True)}


def expected(step, horizon=STEPS):
    return 2e-4 * RAMPS["lr"].at(step / horizon), *(RAMPS[name].at(step / horizon) for name in ("beta1", "beta2"))


class Watched(R3GAN):
    """Remembers with which settings each update was made, and with which weights of its penalties."""

    seen = None

    def on_before_optimizer_step(self, optimizer):
        super().on_before_optimizer_step(optimizer)
        group, clock = optimizer.param_groups[0], self._clock(0)
        weights = [value_at(each.weight, clock) for each in self.critic.regularizers]
        self.seen = [*(self.seen or []), (self.step, group["lr"], *group["betas"], *weights)]


def watched(**kwargs):
    return gan(Watched, **{"gamma": Ramp(1.0, 0.1), "ramps": RAMPS} | kwargs)


def test_rates_betas_and_penalties_follow_the_step():
    model = watched()
    train(model, STEPS)
    assert [step for step, *_ in model.seen] == [step for step in range(STEPS) for _ in range(2)]  # of both players
    for step, *values in model.seen:
        gamma = Ramp(1.0, 0.1).at(step / STEPS)
        assert values == pytest.approx([*expected(step), gamma / 2, gamma / 2])


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    whole, half, rest = watched(), watched(), watched()
    train(whole, STEPS, data=points(32))
    train(half, STEPS, data=points(32), callbacks=[stop_after(4)]).save_checkpoint(tmp_path / "four.ckpt")
    train(rest, STEPS, data=points(32), ckpt_path=tmp_path / "four.ckpt")
    assert half.seen + rest.seen == whole.seen
    assert same(state(whole), state(rest))


def stop_after(steps):
    class Stop(Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.should_stop = trainer.global_step >= steps

    return Stop()


def test_a_longer_run_goes_by_its_own_length(tmp_path):
    train(watched(), 4, data=points(32)).save_checkpoint(tmp_path / "four.ckpt")
    longer = watched()
    train(longer, 20, data=points(32), ckpt_path=tmp_path / "four.ckpt")
    for step, *values in longer.seen:
        assert values[:3] == pytest.approx(expected(step, 20))


def test_a_run_that_goes_on_without_ramps_has_its_own_rates_again(tmp_path):
    train(watched(), 4, data=points(32)).save_checkpoint(tmp_path / "four.ckpt")
    model = watched(ramps=None)
    train(model, 6, data=points(32), ckpt_path=tmp_path / "four.ckpt")
    assert [values for _, *values, _, _ in model.seen] == [[2e-4, 0.0, 0.99]] * 4


def test_a_ramp_within_a_phase_goes_by_its_length():
    class Late(Watched):
        def players(self):
            return [replace(each, phase="late") for each in super().players()]

    model = gan(Late, gamma=Ramp(1.0, 0.1), ramps=RAMPS, phases=[Phase("early", steps=4), Phase("late", 1.0)])
    train(model, 4 + STEPS)
    assert model.seen[0][0] == 4
    for step, *values in model.seen:
        assert values[:3] == pytest.approx(expected(step - 4))
        assert values[3] == pytest.approx(Ramp(1.0, 0.1).at((step - 4) / STEPS) / 2)


def test_plain_data_will_do():
    plain = gan(Watched, gamma={"start": 1.0, "end": 0.1}, ramps={"lr": {"start": 1.0, "end": 0.1}})
    train(plain, 3)
    assert plain.seen[-1][1] == pytest.approx(2e-4 * Ramp(1.0, 0.1).at(2 / 3))


class Constant(Regularizer):
    """A penalty of one: what is added is its weight."""

    name = "constant"

    def penalty(self, score, real, fake, rand):
        return real.logits.mean() * 0 + 1


def test_the_weight_that_is_added_is_the_present_one():
    added = []

    class Added(GAN):
        def players(self):
            settle = self.critic.settle

            def watching(player):
                found = settle(player)
                added.extend([] if found is None else [float(found.detach())])
                return found

            self.critic.settle = watching
            return super().players()

    train(gan(Added, regularizers=[Constant(Ramp(2.0, 0.0), interval=2)]), 8)
    assert added == pytest.approx([2 * 2.0 * (1 - step / 8) for step in (1, 3, 5, 7)])


@pytest.mark.parametrize(
    ("ramp", "values"),
    [
        (Ramp(1.0, 3.0), [1.0, 1.5, 2.0, 2.5, 3.0]),
        (Ramp(1.0, 3.0, begin=0.5), [1.0, 1.0, 1.0, 2.0, 3.0]),
        (Ramp(1.0, 3.0, until=0.5), [1.0, 2.0, 3.0, 3.0, 3.0]),
        (Ramp(3.0, 1.0, cosine=True), [3.0, 2 + 0.5**0.5, 2.0, 2 - 0.5**0.5, 1.0]),
    ],
)
def test_a_ramp_goes_from_one_value_to_the_other(ramp, values):
    assert [ramp.at(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx(values)
    assert (ramp.at(-1.0), ramp.at(2.0)) == pytest.approx((values[0], values[-1]))
    assert value_at(ramp, Clock(progress=0.25)) == pytest.approx(values[1])
    assert value_at(7.0, Clock(progress=0.25)) == 7.0


@pytest.mark.parametrize("limits", [{"begin": -0.1}, {"begin": 0.5, "until": 0.5}, {"until": 1.5}])
def test_a_ramp_lies_within_the_run(limits):
    with pytest.raises(ConfigError, match=r"ramp\.begin=.*shares of the run"):
        Ramp(1.0, 0.0, **limits)


DECAY = {"class_path": "torch.optim.lr_scheduler.ExponentialLR", "init_args": {"gamma": 0.9}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generator_scheduler": DECAY}, r"optimization\.generator_scheduler=.* its rate is ramped already"),
        ({"discriminator_scheduler": DECAY}, r"optimization\.discriminator_scheduler=.* its rate is ramped already"),
        ({"generator": SGD}, r"optimization\.generator='SGD': a ramp of its betas is defined for Adam alone"),
    ],
)
def test_what_excludes_a_ramp_is_refused_in_one_line(settings, message):
    with pytest.raises(ConfigError, match=message) as told:
        train(watched(optimization=settings), 1)
    assert "\n" not in str(told.value)


def test_the_rate_of_any_optimizer_can_be_ramped():
    model = gan(R3GAN, ramps={"lr": Ramp(1.0, 0.0)}, optimization={"generator": SGD})
    trainer = train(model, 4)
    assert trainer.optimizers[1].param_groups[0]["lr"] == pytest.approx(0.05 * (1 - 3 / 4))


def test_gamma_is_half_a_weight():
    assert R1(Ramp(2.0, 0.5, begin=0.25, cosine=True)).weight == Ramp(1.0, 0.25, begin=0.25, cosine=True)
    assert R1(3.0).weight == 1.5
