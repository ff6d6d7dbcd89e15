"""The encoder beside the generator: codes, reconstructions, their averages and checkpoints."""

import pytest
import torch
from torch import nn

from lightning_gans import GAN, Batch, BiGAN, ConfigError, WithEncoder
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import points, same, state, train

Z = 3


def networks(shape=(2,), outputs=Z):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "generator": MLPGenerator(Z, shape, (16,), tanh_output=len(shape) > 1),
            "encoder": MLPEncoder(shape, (16,), out_features=outputs),
            "discriminator": MLPDiscriminator(shape, (16,), latent_dim=Z),
        }


def game(shape=(2,), outputs=Z, **kwargs):
    return BiGAN(**networks(shape, outputs), **kwargs)


def test_codes_and_reconstructions():
    model, images = game((1, 8, 8)), torch.rand(5, 1, 8, 8) * 2 - 1
    codes = model.encode(images)
    assert torch.equal(codes, model.encoder(images))
    rebuilt = model.reconstruct(images)
    assert rebuilt.shape == images.shape
    assert rebuilt.dtype == torch.float32
    assert torch.equal(rebuilt, model.generator(codes))
    assert not rebuilt.requires_grad
    model.double()
    assert model.reconstruct(images).dtype == torch.float32  # images of any precision are taken


def test_a_distribution_is_encoded_as_its_mean():
    class Ranged(WithEncoder, GAN):
        encoder_outputs_per_dim = 2

    model = Ranged(**networks(outputs=2 * Z))
    assert torch.equal(model.encode(points(4)), model.encoder(points(4))[:, :Z])
    assert Ranged.network_kwargs("encoder", {"latent_dim": Z, "image_shape": (2,)}, {})["out_features"] == 2 * Z


@pytest.mark.parametrize("outputs", [Z - 1, Z + 1, 3 * Z])
def test_an_encoder_of_another_size_is_refused(outputs):
    with pytest.raises(ConfigError, match=f"{outputs} outputs"):
        game(outputs=outputs).encode(points(4))
    with pytest.raises(ConfigError, match=f"{outputs} outputs': give it {Z}"):
        train(game(outputs=outputs), steps=1)


def test_encoding_leaves_the_encoder_as_it_is():
    nets = networks()
    nets["encoder"] = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, Z))
    model = BiGAN(**nets)
    before = state(model)
    one, other = model.encode(points(4)), model.encode(points(4))
    assert torch.equal(one, other)
    assert same(before, state(model))
    assert model.encoder.training


def test_reconstructions_are_shown_below_the_originals():
    model, images = game((1, 8, 8)), torch.rand(19, 1, 8, 8) * 2 - 1
    rows = model.visuals(Batch(images))["reconstructions"]
    assert rows.shape == (4, 8, 1, 8, 8)  # two rows of eight originals, each with its reconstructions below
    assert torch.equal(rows[2], images[8:16])
    torch.testing.assert_close(rows[3], model.reconstruct(images[8:16]))
    assert "reconstructions" not in model.visuals(Batch(images[:7]))
    assert "reconstructions" not in model.visuals(None)


def test_averages_cover_the_encoder_and_come_back_from_a_checkpoint(tmp_path):
    model, x = game(optimization={"ema_decay": 0.9}), points(6, seed=3)
    trainer = train(model, 8)
    assert not torch.equal(model.encode(x), model.encode(x, ema=False))
    assert not torch.equal(model.reconstruct(x), model.reconstruct(x, ema=False))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    loaded = BiGAN.load_from_checkpoint(tmp_path / "last.ckpt", **networks())
    for ema in (True, False):
        assert torch.equal(loaded.encode(x, ema=ema), model.encode(x, ema=ema))
        assert torch.equal(loaded.reconstruct(x, ema=ema), model.reconstruct(x, ema=ema))
    with pytest.raises(ConfigError, match=r"encoder=\.\.\."):
        BiGAN.load_from_checkpoint(tmp_path / "last.ckpt")


def test_a_resumed_run_goes_on_with_the_averaged_encoder(tmp_path):
    whole = game(optimization={"ema_decay": 0.9})
    train(whole, 32)  # two epochs
    part = game(optimization={"ema_decay": 0.9})
    train(part, 16).save_checkpoint(tmp_path / "half.ckpt")
    resumed = game(optimization={"ema_decay": 0.9})
    train(resumed, 32, ckpt_path=tmp_path / "half.ckpt")
    assert same(state(resumed), state(whole))
    assert any(name.startswith("ema.averages.encoder") for name in state(whole))
