"""A term that is computed seldom, with the optimizer of another player: lazy regularization as in StyleGAN2."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import GAN, ConfigError, Phase, Player, Ramp
from lightning_gans.engine import adam, fold_in
from tests.games import SGD, gan, loader, points, same, state, train

STEPS, INTERVAL = 16, 4


def cost(images):
    """Something else that the generator is to keep small."""
    return images.square().mean()


class Lazy(GAN):
    """The generator's second term, in every fourth step."""

    settings = None

    def players(self):
        term = Player("cost", self.cost_loss, [self.generator], shares="generator", interval=INTERVAL)
        discriminator, generator = super().players()
        return [discriminator, generator, replace(term, **(self.settings or {}))]

    def cost_loss(self, batch):
        return cost(self.fake(batch).image)


def noise(step, player, n, update=0):
    seed = fold_in(7, step, player, 0, *([update] if update else []))
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def plain_loop(generator, discriminator, n_critic, n_generator):
    """The same as a torch loop: rate times c, betas to the power of c, the lazy term times its interval."""
    c = 1 / (1 + (1 / INTERVAL) / (n_generator / n_critic))
    betas = {"lr": 2e-4 * c, "betas": (0.5**c, 0.999**c)}
    g_optimizer = torch.optim.Adam(generator.parameters(), fused=True, **betas)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)

    def stepped(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for step, (real,) in enumerate(loader(points(STEPS * 32))):
        n = len(real)
        fake = generator(noise(step, 0, n)).detach()
        stepped(d_optimizer, F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean())
        if (step + 1) % n_critic == 0:
            for update in range(n_generator):
                fake = generator(noise(step, 1, n, update))
                stepped(g_optimizer, F.softplus(-discriminator(fake)).mean())
        if (step + 1) % INTERVAL == 0:
            stepped(g_optimizer, INTERVAL * cost(generator(noise(step, 2, n))))
    return c


@pytest.mark.parametrize(("n_critic", "n_generator", "c"), [(1, 1, 4 / 5), (2, 1, 4 / 6), (1, 3, 12 / 13)])
def test_it_equals_a_plain_loop_with_the_corrected_adam(n_critic, n_generator, c):
    model = gan(Lazy, optimization={"n_critic": n_critic, "n_generator": n_generator, "ema_decay": 0.9})
    generator, discriminator = copy.deepcopy(model.generator), copy.deepcopy(model.discriminator)
    assert plain_loop(generator, discriminator, n_critic, n_generator) == pytest.approx(c)
    trainer = train(model, STEPS, data=points(STEPS * 32))
    assert len(trainer.optimizers) == 2
    assert same(state(model.generator), state(generator))
    assert same(state(model.discriminator), state(discriminator))
    assert trainer.global_step == STEPS
    assert model.ema.num_updates.tolist() == [STEPS // n_critic * n_generator]  # an owner's updates alone
    assert {"loss/cost", "loss/generator"} <= trainer.callback_metrics.keys()


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    whole, half, rest = (gan(Lazy) for _ in range(3))
    train(whole, 10, data=points(32))
    train(half, 5, data=points(32)).save_checkpoint(tmp_path / "half.ckpt")
    train(rest, 10, data=points(32), ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(rest))


def test_a_resumed_run_with_another_rate_corrects_that_one(tmp_path):
    train(gan(Lazy), 2, data=points(32)).save_checkpoint(tmp_path / "two.ckpt")
    trainer = train(
        gan(Lazy, optimization={"generator": adam(1e-3)}), 3, data=points(32), ckpt_path=tmp_path / "two.ckpt"
    )
    group = trainer.optimizers[1].param_groups[0]
    assert group["lr"] == pytest.approx(1e-3 * 0.8)
    assert group["betas"] == pytest.approx((0.5**0.8, 0.999**0.8))


class Shown(Lazy):
    """Ramps the owner's rate and second beta, and remembers what each update had."""

    def players(self):
        discriminator, generator, lazy = super().players()
        ramps = {"lr": Ramp(1.0, 0.0), "beta2": Ramp(0.9, 0.99)}
        self.seen = []
        return [discriminator, replace(generator, ramps=ramps), lazy]

    def on_before_optimizer_step(self, optimizer):
        super().on_before_optimizer_step(optimizer)
        group = optimizer.param_groups[0]
        self.seen.append((self.updating, self.step, group["lr"], *group["betas"]))


def test_it_goes_with_the_owner_s_ramps_and_they_are_corrected():
    model = gan(Shown)
    train(model, STEPS)
    lazy = [each for each in model.seen if each[0] == "cost"]
    assert [step for _, step, *_ in lazy] == [3, 7, 11, 15]
    for name, step, *rest in model.seen:
        if name != "discriminator":
            share = step / STEPS
            assert rest == pytest.approx([2e-4 * 0.8 * (1 - share), 0.5**0.8, (0.9 + 0.09 * share) ** 0.8])


@pytest.mark.parametrize(
    ("settings", "optimization", "message"),
    [
        ({}, {"generator": SGD}, r"optimization\.generator='SGD': the cost shares it, .* for Adam alone"),
        ({"shares": "nobody"}, {}, r"cost\.shares='nobody': names no player with an optimizer"),
        ({"shares": "cost"}, {}, r"cost\.shares='cost': names no player with an optimizer"),
        ({"optimizer": adam()}, {}, r"optimization\.cost=.*the player whose optimizer is shared"),
        ({"ramps": {"lr": Ramp(1.0, 0.0)}}, {}, r"cost\.shares='generator': its rates are those of that player"),
        ({"scheduler": SGD}, {}, r"cost\.shares='generator': its rates are those of that player"),
    ],
)
def test_what_cannot_be_shared_is_refused_in_one_line(settings, optimization, message):
    class Asked(Lazy):
        pass

    Asked.settings = settings
    with pytest.raises(ConfigError, match=message) as told:
        train(gan(Asked, optimization=optimization), 1)
    assert "\n" not in str(told.value)


def test_in_a_phase_it_ramps_as_its_owner_does():
    class Later(Shown):
        def players(self):
            return [replace(each, phase="late" if each.shares is None else None) for each in super().players()]

    model = gan(Later, phases=[Phase("early", steps=8), Phase("late", 1.0)])
    train(model, STEPS)
    rates = {(name, step): rate for name, step, rate, *_ in model.seen}
    assert rates["cost", 3] == rates["cost", 7] == pytest.approx(2e-4 * 0.8)  # before its owner's phase begins
    assert rates["cost", 11] == rates["generator", 11] == pytest.approx(2e-4 * 0.8 * (1 - 3 / 8))
