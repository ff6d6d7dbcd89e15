"""How players learn: what is not said is the variant's own, and what a game does not have is refused."""

from dataclasses import FrozenInstanceError, fields

import pytest
import torch

from lightning_gans import AAE, GAN, VAE, VAEGAN, WGAN, WGANGP, ConfigError, Optimization
from lightning_gans.engine import BaseOptimization, Player, adam
from lightning_gans.engine.roster import Roster
from lightning_gans.models.aae import AAEOptimization
from lightning_gans.models.vaegan import VAEGANOptimization
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import SGD, gan, train

PAPER = {"lr": 1e-4, "betas": (0.0, 0.9)}  # of WGAN-GP


def groups(model):
    trainer = train(model, 1)
    return [{name: each.param_groups[0][name] for name in PAPER} for each in trainer.optimizers]


@pytest.mark.parametrize("given", [Optimization(n_critic=3), {"n_critic": 3}])
def test_what_is_not_said_is_the_variant_s_own(given):
    model = gan(WGANGP, optimization=given)
    assert model.optimization.n_critic == 3
    assert model.optimization.ema_decay == WGANGP.defaults.ema_decay
    assert groups(model) == [{"lr": 1e-4, "betas": pytest.approx((0.0, 0.9))}] * 2
    assert gan(WGANGP).optimization == WGANGP.defaults
    assert WGANGP.defaults.n_critic == 5


def test_one_player_s_optimizer_leaves_the_other_s_alone():
    trainer = train(gan(WGAN, optimization={"generator": SGD}), 1)
    assert [type(each).__name__ for each in trainer.optimizers] == ["RMSprop", "SGD"]


@pytest.mark.parametrize("cls", [GAN, WGANGP, VAEGAN, AAE, VAE])
def test_defaults_leave_only_schedules_and_clips_open(cls):
    open_ = {each.name for each in fields(cls.defaults) if getattr(cls.defaults, each.name) is None}
    assert all(name.endswith(("_scheduler", "_clip")) for name in open_)
    with pytest.raises(FrozenInstanceError):
        cls.defaults.ema_decay = 0.5


def autoencoder(**kwargs):
    return VAE(MLPGenerator(3, (2,), (8,), tanh_output=False), MLPEncoder((2,), (8,), out_features=6), **kwargs)


def test_an_unknown_setting_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match=r"optimization\.n_critics=3: no such setting; .*'n_critic'") as told:
        gan(optimization={"n_critics": 3})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (Optimization(n_critic=3), "n_critic"),
        (Optimization(generator=SGD), "generator"),
        (Optimization(discriminator_clip=1.0, ema_decay=0.5), "discriminator_clip"),
        ({"n_critic": 1}, "n_critic"),
        (AAEOptimization(encoder=SGD), "encoder"),
    ],
)
def test_settings_of_another_game_s_players_are_refused(given, refused):
    with pytest.raises(ConfigError, match=rf"optimization\.{refused}=.*no such setting; .*'autoencoder'"):
        autoencoder(optimization=given)


@pytest.mark.parametrize("given", [BaseOptimization(ema_decay=0.5), Optimization(ema_decay=0.5), {"ema_decay": 0.5}])
def test_what_all_games_have_is_taken_from_anybody_s_settings(given):
    model = autoencoder(optimization=given)
    assert type(model.optimization) is type(VAE.defaults)
    assert model.optimization.ema_decay == 0.5
    assert model.optimization.autoencoder == VAE.defaults.autoencoder


def test_those_of_a_game_with_more_players_are_taken_as_far_as_they_go():
    model = gan(optimization=VAEGANOptimization(n_critic=2))
    assert model.optimization.n_critic == 2
    assert model.optimization.generator == GAN.defaults.generator
    with pytest.raises(ConfigError, match=r"optimization\.encoder=.*no such setting"):
        gan(optimization=VAEGANOptimization(encoder=SGD))
    nets = MLPGenerator(3, (2,), (8,)), MLPEncoder((2,), (8,), out_features=6), MLPDiscriminator((2,), (8,))
    more = VAEGAN(*nets, optimization=Optimization(n_critic=2))
    assert more.optimization.encoder == VAEGAN.defaults.encoder
    assert more.optimization.n_critic == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 5}, "latent_dim=5: the generator takes latents of size 3"),
        ({"optimization": {"n_critic": 0}}, r"optimization\.n_critic=0"),
        ({"optimization": {"n_generator": 0}}, r"optimization\.n_generator=0"),
        ({"optimization": {"ema_decay": 1.0}}, r"optimization\.ema_decay=1\.0"),
        ({"optimization": {"ema_decay": -0.1}}, r"optimization\.ema_decay=-0\.1"),
        ({"optimization": {"micro_batches": 0}}, r"optimization\.micro_batches=0"),
        ({"optimization": {"generator_clip": 0.0}}, r"optimization\.generator_clip=0\.0"),
        ({"optimization": {"discriminator_clip": -1}}, r"optimization\.discriminator_clip=-1"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        gan(**settings)
    with pytest.raises(ConfigError, match=message):
        gan(WGAN, **settings)


@pytest.mark.parametrize("build", [lambda: Optimization(n_critic=0), lambda: AAEOptimization(n_critic=0)])
def test_they_are_checked_where_they_are_written(build):
    with pytest.raises(ConfigError, match=r"optimization\.n_critic=0"):
        build()


def test_an_optimizer_that_is_built_already_is_refused():
    model = gan()
    built = torch.optim.Adam(model.generator.parameters())
    for role in ("generator", "discriminator"):
        with pytest.raises(ConfigError, match=f"optimization.{role}='Adam': is built already"):
            train(gan(optimization={role: built}), 1)


@pytest.mark.parametrize("path", ["torch.optim.Nothing", "nowhere.Adam", "Adam"])
def test_a_class_that_cannot_be_imported_is_named(path):
    with pytest.raises(ConfigError, match=f"class_path='{path}': cannot be imported"):
        train(gan(optimization={"generator": {"class_path": path}}), 1)


def test_adam_is_plain_data():
    assert adam(1e-3, 0.9) == {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-3, "betas": [0.9, 0.999]}}


def test_a_role_s_settings_are_its_player_s():
    decay = {"class_path": "torch.optim.lr_scheduler.ExponentialLR", "init_args": {"gamma": 0.9}}
    o = Optimization(generator=SGD, generator_clip=2.0, generator_scheduler=decay)
    net = torch.nn.Linear(1, 1)
    player = o.player("generator", sum, [net], interval=3)
    assert (player.name, player.optimizer, player.clip, player.scheduler) == ("generator", SGD, 2.0, decay)
    assert (player.interval, player.loss, player.modules) == (3, sum, [net])
    other = o.player("generator", sum, [net], name="warm", clip=None)
    assert (other.name, other.clip) == ("warm", None)


def test_rates_fall_linearly_in_what_is_left_of_the_run():
    seen = []
    model = gan(optimization={"decay_begin": 0.5})
    model.on_train_batch_end = lambda *_: seen.append(model.optimizer_of("generator").param_groups[0]["lr"] / 2e-4)
    train(model, 4)
    assert seen == pytest.approx([1.0, 1.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decay_begin": 1.5}, r"optimization\.decay_begin=1\.5: must be a share"),
        (
            {"decay_begin": 0.5, "generator_scheduler": {"class_path": "torch.optim.lr_scheduler.ConstantLR"}},
            r"optimization\.generator_scheduler='a scheduler': rates fall by optimization\.decay_begin already",
        ),
    ],
)
def test_one_thing_alone_changes_rates(settings, message):
    with pytest.raises(ConfigError, match=message):
        train(gan(optimization=settings), 1)


def test_loaded_moments_lie_as_their_weights_do():
    """Those of a checkpoint whose networks were laid out otherwise: a fused step takes both as they lie in memory."""
    plain, last = (torch.nn.Conv2d(2, 3, 4).requires_grad_() for _ in range(2))
    last.load_state_dict(plain.state_dict())
    last.to(memory_format=torch.channels_last)
    optimizers = []
    for layer in (plain, last):
        player = Player("only", loss=sum, modules=[layer], optimizer=adam())
        optimizers.append(Roster([player]).build_optimizers(lambda _: 1)[0]["optimizer"])
    torch.manual_seed(0)
    for p in plain.parameters():
        p.grad = torch.randn_like(p)
    optimizers[0].step()
    last.load_state_dict(plain.state_dict())
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    for p, other in zip(plain.parameters(), last.parameters(), strict=True):
        other.grad = torch.empty_like(other).copy_(p.grad)
    for optimizer in optimizers:
        optimizer.step()
    torch.testing.assert_close(plain.weight, last.weight)
