"""What a game refuses, what it warns of, and how a lost run goes back."""

import math
from dataclasses import replace

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader

from lightning_gans import GAN, VAE, ConfigError, Pix2Pix, Ramp, TopK
from lightning_gans.augment import InstanceNoise
from lightning_gans.callbacks import StepCheckpoint
from lightning_gans.engine import NonFiniteLossError
from lightning_gans.errors import LightningGANsWarning
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.regularizers import R1, GradientPenalty, LabelSmoothing
from tests.games import gan, networks, points, same, state, train


def image_game(cls=GAN, **kwargs):
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 16), nn.Unflatten(1, (1, 4, 4)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    return cls(generator, discriminator, latent_dim=3, **kwargs)


def images(n=64):
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


def spoiled(value, n=64):
    data = images(n)
    data[-1, 0, 0, 0] = value  # in the last batch of the epoch: the second step
    return data


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (200.0, r"batch='images from -0\.99\d* to 200': networks take \[-1\.0, 1\.0\]"),
        (math.nan, "batch='images with NaN or infinity': clean those"),
        (-math.inf, "batch='images with NaN or infinity': clean those"),
    ],
)
def test_images_out_of_range_are_named(value, message):
    model = image_game(optimization={"ema_decay": 0.0})
    before = state(model)
    with pytest.raises(ConfigError, match=message):
        train(model, 1, data=spoiled(value, 32))  # at once
    assert same(state(model), before)
    with pytest.raises(ConfigError, match=message):
        train(image_game(), 4, data=spoiled(value), log_every_n_steps=4)  # or when logging is due
    train(image_game(), 3, data=spoiled(200.0), log_every_n_steps=4)


def test_the_range_is_the_class_to_say_and_points_have_none():
    class Free(GAN):
        image_range = None

    train(image_game(Free), 2, data=spoiled(200.0, 32))
    train(gan(), 2, data=points() * 100)
    with pytest.raises(ConfigError, match="NaN or infinity"):
        train(gan(), 2, data=points() * math.inf)


LABELS = torch.arange(64) % 3


def conditional():
    nets = MLPGenerator(3, (1, 4, 4), (8,), num_classes=3), MLPDiscriminator((1, 4, 4), (8,), num_classes=3)
    return GAN(*nets, given=["label"], num_classes=3)


def autoencoder():
    return VAE(MLPGenerator(3, (1, 4, 4), (8,)), MLPEncoder((1, 4, 4), (8,), out_features=6))


def by_hand():
    class ByHand(GAN):
        def discriminator_loss(self, batch):
            real, fake = self.critic.score(self.real(batch)), self.critic.score(self.fake(batch))
            return fake.logits.mean() - real.logits.mean()

    return image_game(ByHand)


def convolutional():
    """Its discriminator takes images of any size."""
    layers = nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)
    return GAN(MLPGenerator(3, (1, 4, 4), (8,)), nn.Sequential(*layers))


def translator():
    return Pix2Pix(nn.Conv2d(1, 1, 1), nn.Conv2d(2, 1, 1))


BUILDS = (image_game, autoencoder, by_hand, convolutional)
LARGER, WITH_ALPHA, FLAT = images().repeat(1, 1, 2, 2), images().repeat(1, 4, 1, 1), images().flatten(1)


@pytest.mark.parametrize(
    ("build", "parts", "message"),
    [
        (image_game, images().double(), r"images of torch\.float64': the networks are torch\.float32"),
        (translator, (images(), images() * 99), r"sources from -9\d.* to 9.*': networks take"),
        (translator, (images(), images().double()), r"sources of torch\.float64"),
        (translator, (images(), images().to(torch.uint8)), r"sources of torch\.uint8': networks take floats"),
        (conditional, (images(), LABELS.float()), r"labels of torch\.float32': .*int64; convert them: \.long\(\)"),
        (conditional, (images(), LABELS.int()), r"labels of torch\.int32"),
        (conditional, (images(), LABELS[:, None]), r"labels of shape \(32, 1\)': one class for each sample"),
        (conditional, (images(), LABELS + 1), "labels from 1 to 3': num_classes=3 of the model are 0 to 2"),
        (conditional, (images(), LABELS - 1), "labels from -1 to 1'"),
        *((build, LARGER, r"images of shape \(1, 8, 8\)': the generator makes \(1, 4, 4\)") for build in BUILDS),
        *((build, WITH_ALPHA, r"images of shape \(4, 4, 4\)': the generator makes") for build in BUILDS),
        *((build, FLAT, r"images of shape \(16,\)': the generator makes") for build in BUILDS),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_in_the_first_step(build, parts, message):
    """Labels of one number for each sample, points in the place of images and others would even train."""
    with pytest.raises(ConfigError, match=f"batch='{message}") as told:
        train(build(), 1, data=parts)
    assert "\n" not in str(told.value)


def test_so_are_dicts():
    batches = DataLoader(
        [{"image": each, "label": label} for each, label in zip(images(), LABELS.float(), strict=True)]
    )
    with pytest.raises(ConfigError, match=r"labels of torch\.float32"):
        train(conditional(), 1, loader=lambda *_: batches)


def test_labels_are_looked_at_again_when_logging_is_due():
    with pytest.raises(ConfigError, match="labels from 7 to 9"):
        train(conditional(), 2, data=(images(), torch.cat([LABELS[:32], LABELS[32:] + 7])), log_every_n_steps=2)


def test_networks_that_fail_on_images_that_fit_say_what_is_wrong_themselves():
    other = nn.Sequential(nn.Flatten(), nn.Linear(9, 1))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        train(GAN(MLPGenerator(3, (1, 4, 4), (8,)), other), 1, data=images())
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        train(GAN(nn.Linear(9, 16), other, latent_dim=3), 1, data=images())


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_floats_are_those_of_the_precision(precision):
    train(image_game(), 1, data=images(), precision=precision)


def test_unscaled_images_are_mentioned():
    with pytest.warns(LightningGANsWarning, match=r"the first images lie in \[0\.\d+, 1\]|the first images lie in"):
        train(image_game(), 2, data=(images() + 1) / 2)


class Detached(GAN):
    def generator_loss(self, batch):
        fake = self.fake(batch).map(torch.Tensor.detach)
        return self.critic.logits(fake).mean() + 0 * next(self.discriminator.parameters()).sum()


class Cut(GAN):
    """The generator's loss depends on something else that learns."""

    def players(self):
        self.other = nn.Linear(1, 1)
        critic, generator = super().players()
        return [
            critic,
            replace(generator, loss=lambda batch: self.other(torch.ones(1, 1)).sum(), modules=[self.generator]),
        ]


def test_a_player_without_gradient_is_named():
    with pytest.raises(
        ConfigError, match="generator='no gradient': its loss does not depend on what the generator owns"
    ):
        train(gan(Cut), 1)
    with pytest.raises(ConfigError, match="generator='no gradient'"):
        train(gan(Detached), 1)


class Spare(nn.Module):
    latent_dim = 3

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, z):
        return self.used(z)


def test_parameters_without_gradient_are_mentioned_once():
    with pytest.warns(LightningGANsWarning, match=r"2 parameters never got a gradient \(generator.unused") as told:
        train(GAN(Spare(), networks()[1]), 4, log_every_n_steps=1)
    assert len([warning for warning in told if warning.category is LightningGANsWarning]) == 1


class Saturated(GAN):
    def generator_loss(self, batch):
        return super().generator_loss(batch) * 0


def test_a_gradient_of_zero_is_mentioned():
    with pytest.warns(LightningGANsWarning, match="generator: its gradient is exactly zero"):
        train(gan(Saturated), 2, log_every_n_steps=1)


class Exploding(GAN):
    def discriminator_loss(self, batch):
        return super().discriminator_loss(batch) * (1e9 if self.step >= 7 else 1)


def test_an_exploded_loss_stops():
    with pytest.raises(NonFiniteLossError, match=r"loss/discriminator=\d+\.\d+: stopped after 10 steps"):
        train(gan(Exploding), 20)
    train(gan(Exploding, max_abs_loss=1e12), 10)


class Fragile(GAN):
    """Breaks in the steps that it is told."""

    breaks = (12,)

    def generator_loss(self, batch):
        return super().generator_loss(batch) * (math.nan if self.step in self.breaks else 1)


def lost_run(folder, breaks, max_rollbacks, steps=30, **kwargs):
    model = gan(Fragile, optimization={"generator_clip": 1.0, "ema_decay": 0.9})
    model.breaks = breaks
    keep = StepCheckpoint(dirpath=str(folder), every_n_steps=10, monitor=None, max_rollbacks=max_rollbacks)
    train(model, steps, callbacks=[keep], enable_checkpointing=True, **kwargs)
    return model, keep


def test_a_lost_run_goes_back_and_on(tmp_path, capsys):
    model, keep = lost_run(tmp_path, (12,), max_rollbacks=1)
    assert (
        "loss/generator=nan in step 15: went back to the weights of step 10 (rollback 1 of 1)"
        in capsys.readouterr().err
    )
    assert model.step == 30
    assert keep.rollbacks == 1
    assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert last["lightning_gans"]["step"] == 30
    assert [state["rollbacks"] for key, state in last["callbacks"].items() if "StepCheckpoint" in key] == [1]


def test_weights_and_optimizers_go_back(tmp_path):
    class Watched(Fragile):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            self.states[self.step] = (
                state(self),
                [o.state_dict()["state"][0]["step"].item() for o in self.trainer.optimizers],
            )

    model = gan(Watched, optimization={"ema_decay": 0.9})
    model.states = {}
    keep = StepCheckpoint(dirpath=str(tmp_path), every_n_steps=10, monitor=None, max_rollbacks=1)
    train(model, 16, callbacks=[keep], enable_checkpointing=True)
    assert same(model.states[10][0], model.states[15][0])
    assert model.states[15][1] == [10, 10]
    assert not same(model.states[15][0], model.states[16][0])


@pytest.mark.parametrize(("breaks", "max_rollbacks"), [((12,), 0), ((3,), 2), ((12, 22), 1)])
def test_rollbacks_are_bounded(breaks, max_rollbacks, tmp_path):
    with pytest.raises(NonFiniteLossError, match="loss/generator=nan"):  # none allowed, nothing saved yet, or used up
        lost_run(tmp_path, breaks, max_rollbacks)


def test_a_loss_that_breaks_before_saving_is_not_saved(tmp_path):
    model, _ = lost_run(tmp_path, (18,), max_rollbacks=1, log_every_n_steps=1000)
    assert model.step == 30
    assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


def test_processes_go_back_together(tmp_path):
    lost_run(tmp_path, (12,), max_rollbacks=1, strategy="ddp_fork", devices=2)
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert last["lightning_gans"]["step"] == 30
    assert all(bool(torch.isfinite(value).all()) for value in last["state_dict"].values())


def test_settings_are_checked():
    with pytest.raises(ConfigError, match=r"max_abs_loss=0"):
        gan(max_abs_loss=0)
    with pytest.raises(ConfigError, match=r"checkpoint\.max_rollbacks=-1"):
        StepCheckpoint(max_rollbacks=-1)


CONFIGURED = {
    "regularizers": [R1(Ramp(1.0, 0.1), interval=2), GradientPenalty(), LabelSmoothing()],
    "augment": [InstanceNoise()],
    "top_k": TopK(decay_steps=5),
}


@pytest.mark.parametrize("settings", [{}, CONFIGURED], ids=["plain", "configured"])
def test_only_steps_that_are_logged_read_from_the_device(settings, tmp_path, monkeypatch):
    """Every way in which Python reads a number from a tensor waits for the device: none is taken in other steps."""
    off = {"class_path": "torch.optim.SGD", "init_args": {"lr": 1e-3}}  # Adam counts its steps on the CPU
    reads = []
    optimization = {"generator_clip": 1.0, "n_critic": 2, "generator": off, "discriminator": off}
    model = gan(optimization=optimization, **settings)

    def counted(name):
        original = getattr(torch.Tensor, name)

        def method(self, *args):
            reads.append((model.step, name))
            return original(self, *args)

        return method

    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, counted(name))
    train(model, 20, data=points(20 * 32), log_every_n_steps=10, logger=CSVLogger(tmp_path))
    assert reads
    assert {step for step, _ in reads} <= {0, 9, 10, 19, 20}
