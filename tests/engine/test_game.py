import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from lightning_gans import GAN, WGAN, Batch, Condition, ConfigError, Game, Player
from lightning_gans.data import Ring2D
from lightning_gans.engine import NonFiniteLossError
from tests.games import BOTH_SGD, SGD, gan, points, same, state, train


@pytest.mark.parametrize(("cls", "n_critic"), [(GAN, 1), (GAN, 3), (WGAN, 5)])
def test_one_batch_is_one_step(cls, n_critic):
    model = gan(cls, optimization={"n_critic": n_critic})
    trainer = train(model, 23)
    assert trainer.global_step == model.step == 23
    assert trainer.fit_loop.epoch_loop._batches_that_stepped == 23


class Frozen(GAN):
    """Remembers what each update changed."""

    def players(self):
        self.changes = []
        return [replace(player, loss=self.watch(player)) for player in super().players()]

    def watch(self, player):
        def loss(batch):
            mine, other = (self.generator, self.discriminator)[:: 1 if player.name == "generator" else -1]
            assert all(p.requires_grad for p in mine.parameters())
            assert not any(p.requires_grad for p in other.parameters())
            self.changes.append((player.name, state(self.generator), state(self.discriminator)))
            return player.loss(batch)

        return loss


def test_an_update_leaves_the_others_bit_identical():
    model = gan(Frozen)
    train(model, 4)
    seen = model.changes
    assert [name for name, *_ in seen] == ["discriminator", "generator"] * 4
    for (name, generator, discriminator), (_, next_generator, next_discriminator) in pairwise(seen):
        assert same(generator, next_generator) == (name == "discriminator")
        assert same(discriminator, next_discriminator) == (name == "generator")
    assert all(p.requires_grad for p in model.parameters() if p is not None and p not in set(model.ema.parameters()))


def test_what_the_user_froze_stays_frozen():
    model = gan()
    first = next(iter(model.discriminator.parameters())).requires_grad_(False)
    before = first.clone()
    train(model, 3)
    assert torch.equal(first, before)
    assert not first.requires_grad


def test_clipping_bounds_the_gradient_of_its_player_only():
    norms = {}

    class Watched(GAN):
        def log_value(self, name, value):
            if name.startswith("grad_norm"):
                grads = [p.grad for p in getattr(self, name.split("/")[1]).parameters()]
                self.pending = name, grads
            super().log_value(name, value)

        def on_before_optimizer_step(self, optimizer):
            super().on_before_optimizer_step(optimizer)
            name, grads = self.pending
            norms.setdefault(name, []).append(float(torch.nn.utils.get_total_norm(grads)))

    train(gan(Watched, optimization={"discriminator_clip": 1e-3}), 4, log_every_n_steps=1)
    assert norms["grad_norm/discriminator"] == pytest.approx([1e-3] * 4, rel=1e-3)
    assert min(norms["grad_norm/generator"]) > 2e-3


def test_micro_batches_equal_the_undivided_batch():
    models = [gan(optimization={**BOTH_SGD, "micro_batches": n}) for n in (1, 4)]
    for model in models:
        train(model, 10)
    for whole, parts in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(whole, parts, rtol=0, atol=1e-6)


def test_micro_batches_that_do_not_divide_are_refused():
    with pytest.raises(ConfigError, match=r"optimization\.micro_batches=3.*batch of 32"):
        train(gan(optimization={"micro_batches": 3}), 1)


def test_schedulers_step_once_per_own_update(tmp_path):
    def halve(optimizer):
        return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1.0}}
    plan = {"generator_scheduler": halve, "discriminator_scheduler": halve}
    model = gan(optimization={"generator": sgd, "discriminator": sgd, "n_critic": 2, **plan})
    logger = CSVLogger(tmp_path)
    trainer = train(model, 6, logger=logger, callbacks=[LearningRateMonitor("step")], log_every_n_steps=1)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in zip("dg", trainer.optimizers, strict=True)}
    assert rates == {"d": 0.5**6, "g": 0.5**3}
    assert "lr/generator" in (tmp_path / "lightning_logs/version_0/metrics.csv").read_text()


class Broken(GAN):
    def generator_loss(self, batch):
        loss = super().generator_loss(batch)
        return loss * math.nan if self.step >= 12 else loss


def test_a_loss_that_is_not_a_number_stops_and_names_the_player(tmp_path):
    keep = ModelCheckpoint(tmp_path, filename="kept", every_n_train_steps=5)
    with pytest.raises(NonFiniteLossError, match=r"loss/generator=nan: stopped after 15 steps"):
        train(gan(Broken), 40, callbacks=[keep], enable_checkpointing=True)
    kept = torch.load(tmp_path / "kept.ckpt", weights_only=True)
    assert kept["lightning_gans"]["step"] == 10
    assert all(bool(torch.isfinite(value).all()) for value in kept["state_dict"].values())


def test_weights_that_are_not_numbers_are_not_saved(tmp_path):
    model = gan()
    trainer = train(model, 2)
    with torch.no_grad():
        next(iter(model.generator.parameters())).fill_(math.inf)
    with pytest.raises(ConfigError, match="generator='non-finite weights'"):
        trainer.save_checkpoint(tmp_path / "bad.ckpt")
    assert not (tmp_path / "bad.ckpt").exists()


def test_a_game_of_one_and_a_game_of_three():
    class Sum(Game):
        def __init__(self, count):
            super().__init__()
            self.parts = torch.nn.ModuleList(torch.nn.Linear(2, 1) for _ in range(count))

        def players(self):
            return [
                Player(f"p{i}", lambda batch, m=m: m(batch.images).square().mean(), [m], SGD, interval=i + 1)
                for i, m in enumerate(self.parts)
            ]

    for count in (1, 3):
        model = Sum(count)
        trainer = train(model, 6)
        assert trainer.global_step == 6
        losses = {name for name in trainer.callback_metrics if name.startswith("loss/")}
        assert losses == {f"loss/p{i}" for i in range(count)}


def test_players_are_checked():
    class Twins(GAN):
        def players(self):
            return [super().players()[0]] * 2

    class Nothing(Game):
        def players(self):
            return []

    class Empty(Game):
        def players(self):
            return [Player("empty", lambda batch: batch.images.sum(), [torch.nn.ReLU()], SGD)]

    for model in (gan(Twins), Nothing(), Empty()):
        with pytest.raises(ConfigError, match=r"players|empty"):
            train(model, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"interval": 0}, r"x\.interval=\(0, 1\)"),
        ({"updates": 0}, r"x\.interval=\(1, 0\)"),
        ({"clip": 0.0}, r"optimization\.x_clip=0\.0"),
        ({"shares": "y"}, r"optimization\.x=.*the player whose optimizer is shared"),
        ({"optimizer": None}, r"optimization\.x=None"),
        ({"ramps": {"momentum": None}}, r"x\.ramps='momentum'"),
    ],
)
def test_impossible_players_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        Player("x", loss=sum, modules=[], **{"optimizer": SGD} | settings)


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true", "32-true"])
def test_precisions(precision):
    model = gan()
    losses = train(model, 10, precision=precision, data=points().double() if precision == "64-true" else None)
    assert math.isfinite(losses.callback_metrics["loss/generator"])
    assert model.sample(3).dtype == torch.float32


def test_every_kind_of_batch_trains_alike():
    data = points(64)
    labels = torch.zeros(64)
    weights = []
    for collate in (
        torch.stack,
        lambda rows: (torch.stack(rows), labels[: len(rows)]),
        lambda rows: [torch.stack(rows)],
        lambda rows: {"image": torch.stack(rows), "label": labels[: len(rows)]},
        lambda rows: Batch(torch.stack(rows), Condition(label=labels[: len(rows)])),
    ):
        model = gan()
        kwargs = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_model_summary": False}
        torch.manual_seed(7)
        trainer = __import__("lightning").pytorch.Trainer(max_steps=2, enable_progress_bar=False, **kwargs)
        rows = [data[i] for i in range(64)]
        trainer.fit(model, torch.utils.data.DataLoader(rows, batch_size=32, collate_fn=collate))
        weights.append(state(model.generator))
    assert all(same(weights[0], other) for other in weights[1:])


def test_a_schedule_that_waits_for_a_metric_is_refused():
    plan = {"class_path": "torch.optim.lr_scheduler.ReduceLROnPlateau", "init_args": {}}
    with pytest.raises(ConfigError, match="ReduceLROnPlateau"):
        train(gan(optimization={"generator_scheduler": plan}), 1)


def test_batch_statistics_that_are_no_numbers_are_not_saved(tmp_path):
    discriminator = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    model = GAN(torch.nn.Linear(3, 2), discriminator, latent_dim=3)
    trainer = train(model, 2)
    discriminator[1].running_var.fill_(torch.nan)
    with pytest.raises(ConfigError, match="discriminator='non-finite weights'"):
        trainer.save_checkpoint(tmp_path / "broken.ckpt")


@pytest.mark.filterwarnings("ignore:resumed after step")
def test_schedules_that_use_up_their_state_resume(tmp_path):
    plan = {"class_path": "torch.optim.lr_scheduler.CyclicLR", "init_args": {"base_lr": 1e-4, "max_lr": 1e-2}}
    plan["init_args"] |= {"cycle_momentum": False, "step_size_up": 3}
    straight, first, second = (gan(optimization={"generator_scheduler": plan}) for _ in range(3))
    train(straight, 9)
    train(first, 4).save_checkpoint(tmp_path / "four.ckpt")
    train(second, 9, ckpt_path=tmp_path / "four.ckpt")
    assert second._roster.schedulers[1].get_last_lr() == straight._roster.schedulers[1].get_last_lr()


def test_a_checkpoint_of_weights_alone_is_no_place_to_go_on_from(tmp_path):
    train(gan(), 2).save_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    with pytest.raises(ConfigError, match="weights only"):
        train(gan(), 4, ckpt_path=tmp_path / "weights.ckpt")


def test_a_datamodule_s_loader_alone_does_not_resume(tmp_path):
    """It would start its data over, and on several processes give all of them the same rows."""
    ring = Ring2D(num_samples=320, batch_size=32)
    alone = lambda *_: ring.train_dataloader()  # noqa: E731 # the loader that `train` asks for
    train(gan(), 4, loader=alone).save_checkpoint(tmp_path / "four.ckpt")
    with pytest.raises(ConfigError, match=r"StatefulDataLoader.*datamodule"):
        train(gan(), 6, loader=alone, ckpt_path=tmp_path / "four.ckpt")
