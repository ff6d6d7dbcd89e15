import pytest
import torch
from torch import nn

from lightning_gans.engine.ema import EMA
from tests.games import gan, same, train


def averages(decay, weights):
    source = nn.Linear(1, 1, bias=False).double()
    ema, seen = EMA({"net": source}, decay), []
    for weight in weights:
        with torch.no_grad():
            source.weight.fill_(weight)
        ema.update(["net"])
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
        ema.update(["net"])
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
