"""A checkpoint describes its model; what cannot be written as plain data it asks for by name, when it is loaded."""

import copy
import pickle
import subprocess
import sys
from functools import partial

import pytest
import torch

from lightning_gans import (
    FGAN,
    GAN,
    MMDGAN,
    R3GAN,
    WGAN,
    WGANGP,
    BiGAN,
    ConfigError,
    Game,
    MinimaxGAN,
    Optimization,
    Phase,
    ProjectionGAN,
    Ramp,
    Uniform,
)
from lightning_gans.callbacks import StepCheckpoint
from lightning_gans.engine.saving import load_checkpoint, require_undamaged
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.objectives.divergences import KL
from lightning_gans.objectives.kernels import GaussianKernel
from lightning_gans.regularizers import R1
from tests.games import SGD, gan, labeled, networks, same, state, train


def saved(model, path, steps=2, **kwargs):
    train(model, steps, **kwargs).save_checkpoint(path)
    return torch.load(path, weights_only=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.ckpt"


def test_loading_a_model_built_in_python_asks_for_its_modules(path):
    model = gan(WGAN, clip_value=0.02, prior=Uniform())
    saved(model, path, 6)
    with pytest.raises(ConfigError, match=r"generator=\.\.\., prior=\.\.\.") as told:
        WGAN.load_from_checkpoint(path)
    assert "discriminator=..." in str(told.value)
    assert "\n" not in str(told.value)
    generator, discriminator = networks(seed=1)
    loaded = WGAN.load_from_checkpoint(path, generator=generator, discriminator=discriminator, prior=Uniform())
    assert loaded.clip_value == 0.02
    assert loaded.step == 6
    assert torch.equal(loaded.sample(4), model.sample(4))


def test_foreign_checkpoints_are_refused(path):
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ConfigError, match="not written by lightning_gans"):
        Game.load_from_checkpoint(path)


def adam(params):
    return torch.optim.Adam(params, lr=1e-3)


def test_an_optimizer_that_is_no_plain_data_keeps_the_rest_and_is_asked_for(path):
    given = Optimization(generator=partial(torch.optim.Adam, lr=1e-3), discriminator=SGD, n_critic=2, ema_decay=0.5)
    content = saved(gan(optimization=given), path)
    kept = content["hyper_parameters"]["optimization"]
    assert kept["discriminator"] == SGD
    assert (kept["n_critic"], kept["ema_decay"]) == (2, 0.5)
    assert "generator" not in kept
    assert set(content["lightning_gans"]["objects"]) == {"generator", "discriminator", "optimization.generator"}
    asked = dict(zip(("generator", "discriminator"), networks(), strict=True))
    with pytest.raises(ConfigError, match=r"\(optimization=\.\.\.\)"):
        GAN.load_from_checkpoint(path, **asked)
    loaded = GAN.load_from_checkpoint(path, optimization=given, **asked)
    assert loaded.optimization.n_critic == 2
    assert loaded.optimization.generator is given.generator


def test_what_is_given_as_objects_comes_back_from_plain_data(path):
    """Optimization, phases and ramps are written as dicts, which constructors take too."""
    phases = [Phase("pretrain", steps=1), Phase("gan", 1.0)]
    model = gan(R3GAN, gamma=Ramp(1.0, 0.1), phases=phases, optimization=Optimization(n_critic=3), max_abs_loss=1e6)
    content = saved(model, path)
    assert sorted(content["lightning_gans"]["objects"]) == ["discriminator", "generator"]
    loaded = R3GAN.load_from_checkpoint(path, **dict(zip(("generator", "discriminator"), networks(), strict=True)))
    assert loaded.phases == phases
    assert loaded.optimization == model.optimization
    assert [each.weight for each in loaded.critic.regularizers] == [each.weight for each in model.critic.regularizers]
    assert same(state(loaded), state(model))


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (MinimaxGAN, {}),
        (WGANGP, {"gp_weight": 3.0}),
        (R3GAN, {"gamma": 0.5}),
        (R3GAN, {"regularizers": [R1(2.0)]}),
        (FGAN, {"divergence": KL()}),
        (MMDGAN, {"kernel": GaussianKernel(1.5)}),
        (GAN, {"regularizers": [R1(2.0)], "prior": Uniform()}),
    ],
)
def test_a_model_asks_for_what_it_was_given_and_not_for_what_it_gives_its_base(cls, settings, path):
    content = saved(gan(cls, **settings), path)
    objects = {name: value for name, value in settings.items() if not isinstance(value, float)}
    asked = {each.partition(".")[0] for each in content["lightning_gans"]["objects"]}
    assert asked == {"generator", "discriminator", *objects}
    given = dict(zip(("generator", "discriminator"), networks(), strict=True)) | objects
    loaded = cls.load_from_checkpoint(path, **given)
    for name, value in settings.items():
        assert name in objects or getattr(loaded, name, value) == value
    assert len(loaded.critic.regularizers) == len(gan(cls, **settings).critic.regularizers)


def test_positional_networks_and_wrapped_ones_keep_their_names(path):
    nets = [MLPGenerator(3, (2,), (8,), tanh_output=False), MLPEncoder((2,), (8,), out_features=3)]
    content = saved(BiGAN(*nets, MLPDiscriminator((2,), (8,), latent_dim=3)), path)
    assert set(content["lightning_gans"]["objects"]) == {"generator", "encoder", "discriminator"}
    generator = MLPGenerator(3, (2,), (8,), tanh_output=False, num_classes=2)
    model = ProjectionGAN(generator, MLPDiscriminator((2,), (8,)), num_classes=2)
    content = saved(model, path, data=labeled(2, 64))
    assert set(content["lightning_gans"]["objects"]) == {"generator", "discriminator"}
    assert content["hyper_parameters"]["num_classes"] == 2
    loaded = ProjectionGAN.load_from_checkpoint(path, generator=generator, discriminator=MLPDiscriminator((2,), (8,)))
    assert torch.equal(loaded.sample(4), model.sample(4))


class Complete(GAN):
    """A user's game that builds its networks itself."""

    def __init__(self, width=8):
        generator, discriminator = networks(hidden=(width,))
        super().__init__(generator, discriminator, prior=Uniform(), optimization={"n_critic": 2})


class ByName(GAN):
    """Calls its base by name, as some do."""

    def __init__(self, width=8):
        GAN.__init__(self, *networks(hidden=(width,)), prior=Uniform(), optimization={"n_critic": 2})


@pytest.mark.parametrize("cls", [Complete, ByName])
def test_a_game_that_builds_its_own_networks_needs_nothing(cls, path):
    model = cls(width=4)
    content = saved(model, path)
    assert content["lightning_gans"]["objects"] == []
    assert content["hyper_parameters"]["width"] == 4
    loaded = cls.load_from_checkpoint(path)
    assert loaded.optimization.n_critic == 2
    assert torch.equal(loaded.sample(4), model.sample(4))


def test_games_can_be_copied_and_pickled_after_training():
    model = gan(R3GAN)
    train(model, 2)
    assert same(state(copy.deepcopy(model)), state(model))
    model.trainer = None
    copied = pickle.loads(pickle.dumps(model))
    assert same(state(copied), state(model))
    assert copied.critic.network is copied.discriminator


def test_importing_is_light():
    code = "import sys, lightning_gans; print(any(name in sys.modules for name in ('sklearn', 'wandb', 'torch')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_one_bit_that_is_not_what_was_written_is_found_wherever_it_is(path, tmp_path):
    """Or else what is loaded is what was saved: some bytes between the records mean nothing."""
    content = saved(gan(), path)
    require_undamaged(path)
    whole, damaged = path.read_bytes(), tmp_path / "damaged.ckpt"
    refused = 0
    for place in range(0, len(whole), len(whole) // 50):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            loaded = load_checkpoint(damaged)
        except Exception as error:
            refused += isinstance(error, ConfigError) and "damaged" in str(error)
        else:
            assert same(loaded["state_dict"], content["state_dict"])
    assert refused > 25


def test_training_goes_on_from_no_damaged_checkpoint(path):
    keep = StepCheckpoint(monitor=None, dirpath=str(path.parent), every_n_steps=2)
    model = gan()
    train(model, 2, callbacks=[keep], enable_checkpointing=True)
    last, weight = path.with_name("last.ckpt"), next(model.parameters()).detach().numpy().tobytes()
    last.write_bytes(last.read_bytes().replace(weight, bytes([weight[0] ^ 1]) + weight[1:]))
    again = StepCheckpoint(monitor=None, dirpath=str(path.parent / "again"))
    with pytest.raises(ConfigError, match=r"checkpoint='.*last\.ckpt': damaged.*take another"):
        train(gan(), 4, callbacks=[again], enable_checkpointing=True, ckpt_path=last)
