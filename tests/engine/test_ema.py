from dataclasses import replace

import pytest
import torch
from torch import nn

from lightning_gans import AAE, ConfigError
from lightning_gans.engine import BaseOptimization
from lightning_gans.engine.ema import EMA
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.schedule import Clock, Ramp
from tests.games import gan, same, state, train


def averages(decay, weights):
    source = nn.Linear(1, 1, bias=False).double()
    ema, seen = EMA({"net": source}), []
    for weight in weights:
        with torch.no_grad():
            source.weight.fill_(weight)
        ema.update(["net"], decay)
        seen.append(float(ema["net"].weight))
    return ema, seen


def test_the_first_update_is_copied_and_the_decay_ramps_up_to_its_limit():
    weights = [3.0, -1.0, 4.0, 1.0, 5.0, 9.0, -2.0, 6.0, 5.0, 3.0, 5.0]
    expected, value = [], None
    for n, weight in enumerate(weights):
        decay = min(0.5, n / (n + 9))  # reaches one half after nine updates
        value = weight if value is None else decay * value + (1 - decay) * weight
        expected.append(value)
    assert averages(0.5, weights)[1] == pytest.approx(expected, rel=1e-12)


def test_a_constant_is_its_own_average():
    assert averages(0.999, [2.5] * 30)[1] == pytest.approx([2.5] * 30, rel=1e-12)


def test_a_young_average_has_forgotten_its_beginnings():
    """After 300 updates the first ten weigh under a percent; with 0.999 throughout, three quarters."""
    assert averages(0.999, [1.0] * 10 + [0.0] * 290)[1][-1] < 0.01


def test_it_goes_on_from_a_checkpoint():
    first, _ = averages(0.9, [1.0, 2.0, 3.0])
    copy, _ = averages(0.9, [7.0])
    copy.load_state_dict(first.state_dict())
    for ema in (first, copy):
        with torch.no_grad():
            ema._sources["net"].weight.fill_(4.0)
        ema.update(["net"], 0.9)
    assert torch.equal(first["net"].weight, copy["net"].weight)


@pytest.mark.filterwarnings("ignore:resumed after step")
def test_averaging_may_begin_and_end_with_a_checkpoint(tmp_path):
    file = tmp_path / "last.ckpt"
    for before, after in ((0.9, 0.0), (0.0, 0.9)):
        trainer = train(gan(optimization={"ema_decay": before}), 4)
        trainer.save_checkpoint(file)
        model = gan(optimization={"ema_decay": after})
        train(model, 5, ckpt_path=file)
        assert (model.ema is None) == (after == 0)
        assert model.step == 5
    first = model.ema["generator"].state_dict()
    assert same(first, model.generator.state_dict()), "a new average begins with the next update"


def test_a_module_with_two_owners_is_averaged_after_each_of_their_updates():
    """The encoder of an adversarial autoencoder reconstructs, and plays against the discriminator."""
    torch.manual_seed(0)
    nets = MLPGenerator(3, (2,), (8,), tanh_output=False), MLPEncoder((2,), (8,), out_features=3)
    model = AAE(*nets, MLPDiscriminator((3,), (8,)), optimization={"ema_decay": 0.6})
    expected, counts, play = {}, {"generator": 0, "encoder": 0}, model._update

    def watched(index, *rest):
        play(index, *rest)
        for name in {"autoencoder": ["generator", "encoder"], "encoder": ["encoder"]}.get(
            model._roster.names[index], []
        ):
            decay, counts[name] = min(0.6, counts[name] / (counts[name] + 9)), counts[name] + 1
            for key, weight in getattr(model, name).named_parameters():
                before = expected.get((name, key), weight)
                expected[name, key] = torch.lerp(before, weight, 1 - decay).detach()
                if counts[name] == 1:
                    assert torch.equal(model.ema[name].get_parameter(key), weight), "the first is copied"

    model._update = watched
    train(model, 6)
    assert counts == {"generator": 6, "encoder": 12}
    assert model.ema.num_updates.tolist() == [6, 12]
    assert len(expected) == len(list(model.ema.averages.parameters()))
    for (name, key), average in expected.items():
        assert torch.equal(model.ema[name].get_parameter(key), average)


def test_who_is_not_averaged_and_who_never_played_stays_at_its_beginning():
    model = gan(optimization={"ema_decay": 0.9, "n_critic": 4})
    start = state(model.generator)
    train(model, 3)
    assert same(state(model.ema["generator"]), start)
    assert model.ema.num_updates.tolist() == [0]
    assert list(model.ema.averages) == ["generator"]


def test_a_half_life_counts_images_and_is_short_at_first():
    plan = BaseOptimization(ema_half_life=1000.0, ema_ramp=0.05)
    for shown, half_life in ((0, 1e-8), (400, 20.0), (20_000, 1000.0), (10**9, 1000.0)):
        assert plan.ema_decay_at(Clock(images=shown, batch_size=8)) == pytest.approx(0.5 ** (8 / half_life))
    assert BaseOptimization(ema_decay=0.9).ema_decay_at(Clock(batch_size=8)) == 0.9


def test_a_half_life_may_be_ramped_as_plain_data_too():
    plan = BaseOptimization(ema_half_life={"start": 0.0, "end": 100.0, "cosine": True})
    for progress, half_life in ((0.0, 1e-8), (0.5, 50.0), (1.0, 100.0)):
        decay = plan.ema_decay_at(Clock(progress=progress, batch_size=10))
        assert decay == pytest.approx(0.5 ** (10 / half_life))
    with pytest.raises(ConfigError, match=r"ema_half_life=.*must be 0, for off, or more"):
        BaseOptimization(ema_half_life=Ramp(10.0, -1.0))


@pytest.mark.filterwarnings("ignore:resumed after step")
def test_images_shown_are_counted_on_from_a_checkpoint(tmp_path):
    model = gan()
    trainer = train(model, 3, batch_size=32)
    assert model.images_shown == 3 * 32
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    model = gan()
    train(model, 4, batch_size=16, ckpt_path=tmp_path / "last.ckpt")
    assert model.images_shown == 3 * 32 + 16


def test_a_player_that_changes_a_part_of_what_is_averaged_moves_the_average():
    """The stages of a StackGAN, say, which own a part of one generator each."""
    model = gan(optimization={"ema_decay": 0.9})
    players, part = model.players(), next(model.generator.children())
    model.players = lambda: [players[0], replace(players[1], modules=[part])]
    train(model, 3)
    assert model.ema.num_updates.tolist() == [3]
    assert not same(state(model.ema["generator"]), state(gan().generator))
