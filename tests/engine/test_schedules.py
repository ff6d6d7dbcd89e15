"""A schedule whose length is left open lasts as long as the run: all updates of its player."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from lightning_gans import GAN, ConfigError
from tests.games import SGD, gan, same, state, train

SCHEDULERS = "torch.optim.lr_scheduler."
COSINE = {"class_path": f"{SCHEDULERS}CosineAnnealingLR"}
PHASES = [{"name": "pretrain", "share": 0.25}, {"name": "gan", "share": 0.75}]


def spec(name, **settings):
    return {"class_path": f"{SCHEDULERS}{name}", "init_args": settings}


def scheduled(plan, cls=GAN, phases=(), **settings):
    plans = {"generator_scheduler": plan, "discriminator_scheduler": plan}
    return gan(cls, optimization={"generator": SGD, "discriminator": SGD, **plans, **settings}, phases=phases)


def lengths(model, name, steps=12):
    train(model, steps)
    return [getattr(scheduler, name) for scheduler in model._roster.schedulers]


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        (COSINE, "T_max"),
        (spec("CosineAnnealingLR", T_max=None), "T_max"),
        (CosineAnnealingLR, "T_max"),
        (partial(CosineAnnealingLR, eta_min=1e-4), "T_max"),
        (partial(CosineAnnealingLR, T_max=0), "T_max"),
        (spec("OneCycleLR", max_lr=0.1, cycle_momentum=False), "total_steps"),
        (spec("LinearLR", total_iters=None), "total_iters"),
        (spec("PolynomialLR", total_iters=0), "total_iters"),
    ],
)
def test_an_open_length_is_that_of_the_run(plan, name):
    assert lengths(scheduled(plan), name) == [12, 12]


def test_it_counts_the_updates_of_the_player_in_its_phase():
    assert lengths(scheduled(COSINE, n_critic=5, n_generator=2), "T_max") == [12, 4]

    class Later(GAN):
        def players(self):
            discriminator, generator = super().players()
            return [discriminator, replace(generator, phase="gan")]

    assert lengths(scheduled(COSINE, Later, PHASES, n_critic=2), "T_max") == [12, 5]  # in steps 4, 6, ... 12 of 3 to 12


@pytest.mark.parametrize(
    ("plan", "name", "length"),
    [
        (spec("CosineAnnealingLR", T_max=7), "T_max", 7),
        (spec("LinearLR"), "total_iters", 5),  # torch's default
        (lambda optimizer: CosineAnnealingLR(optimizer, 9), "T_max", 9),
        (partial(OneCycleLR, max_lr=0.1, epochs=3, steps_per_epoch=8, cycle_momentum=False), "total_steps", 24),
    ],
)
def test_what_is_said_wins(plan, name, length):
    assert lengths(scheduled(plan), name) == [length, length]


def test_it_is_the_same_as_with_the_number():
    told, open_ = scheduled(spec("CosineAnnealingLR", T_max=12)), scheduled(COSINE)
    for model in (told, open_):
        train(model, 12)
    assert same(state(told), state(open_))


@pytest.mark.filterwarnings("ignore:resumed after step")
def test_a_longer_run_stretches_it(tmp_path):
    """As changed settings do: a resumed run stands where the schedule of its own length is after as many updates."""
    path = tmp_path / "model.ckpt"
    train(scheduled(COSINE), 6).save_checkpoint(path)
    longer, whole = scheduled(COSINE), scheduled(COSINE)
    rates = [model.callback_metrics["lr/generator"] for model in (train(longer, 9, ckpt_path=path), train(whole, 9))]
    assert rates[0] == pytest.approx(float(rates[1]))
    assert [scheduler.T_max for scheduler in longer._roster.schedulers] == [9, 9]


def test_rates_are_logged():
    assert train(scheduled(None), 5).callback_metrics["lr/discriminator"] == pytest.approx(0.05)
    logged = train(scheduled(spec("StepLR", step_size=1, gamma=0.5)), 3, log_every_n_steps=3).callback_metrics
    assert logged["lr/generator"] == pytest.approx(0.05 / 8)


@pytest.mark.parametrize(
    ("role", "given", "message"),
    [
        ("generator", {"class_path": "torch.optim.Adam", "init_args": {"lr": -1}}, "Adam.*Invalid learning rate: -1"),
        ("generator", {"class_path": "torch.optim.Adam", "init_args": {"betas": [2, 3]}}, "Adam.*Invalid beta"),
        ("discriminator", partial(torch.optim.RMSprop, lr=float("nan")), "RMSprop.*Invalid learning rate: nan"),
        ("discriminator", {"class_path": "torch.optim.Adam", "init_args": {"rate": 1}}, "Adam.*argument 'rate'"),
        ("generator_scheduler", partial(OneCycleLR, max_lr=0.1, total_steps=-3), "OneCycleLR.*positive integer"),
        ("generator", lambda parameters: torch.optim.SGD(parameters, lr=-2), "a function.*learning rate: -2"),
    ],
)
def test_settings_that_torch_refuses_are_named(role, given, message):
    with pytest.raises(ConfigError, match=rf"optimization\.{role}='{message}") as told:
        train(gan(optimization={role: given}), 1)
    assert "does not take its settings" in str(told.value)
