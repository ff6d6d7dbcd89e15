import pytest
import torch
from torch import nn

from lightning_gans import GAN, PacGAN, ConfigError
from lightning_gans.cli.facts import told
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator
from lightning_gans.tricks import Trick
from tests.games import SGD, dealt_loader, gan, networks, points, same, state, train

PLAYERS = {"generator_optimizer": SGD, "discriminator_optimizer": SGD}


def pacgan(pack=2, **kwargs):
    generator, _ = networks()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return PacGAN(generator, MLPDiscriminator((2 * pack,), (16,)), pack=pack, **kwargs)


def test_a_pack_of_one_is_the_plain_game():
    packed, plain = gan(PacGAN, pack=1), gan(GAN)
    train(packed, 12)
    train(plain, 12)
    assert same(state(packed), state(plain))


def test_losses_follow_the_equation():
    """Pack after pack by hand, three samples each."""
    model, x = pacgan(3).double(), points(12).double()
    model._randomness.seek(0, 0)
    fake = model.generator(model.latent(x))
    members = [[i, i + 4, i + 8] for i in range(4)]
    real_logits, fake_logits = (
        torch.stack([model.discriminator(torch.cat([s[i] for i in pack])[None])[0] for pack in members])
        for s in (x, fake)
    )
    expected = nn.functional.softplus(-real_logits).mean() + nn.functional.softplus(fake_logits).mean()
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(x), expected)
    model._randomness.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(x), nn.functional.softplus(-fake_logits).mean())


def test_every_sample_is_judged_once():
    x = torch.arange(24.0).view(12, 2)
    (packs,) = pacgan(4).packed((x,))
    assert packs.shape == (3, 8)
    assert sorted(packs.flatten().tolist()) == x.flatten().tolist()


def test_images_are_packed_along_their_channels():
    model = PacGAN(DCGANGenerator(4, (3, 8, 8), 4), DCGANDiscriminator((6, 8, 8), 4))
    (packs,) = model.real(torch.arange(12.0)[:, None, None, None].expand(-1, 3, 8, 8))
    assert packs.shape == (6, 6, 8, 8)
    assert packs[1, :, 0, 0].tolist() == [1, 1, 1, 7, 7, 7]
    assert model.judge(*model.fake(torch.zeros(12, 3, 8, 8))).shape == (6, 1)


def test_tricks_see_samples_not_packs():
    class Look(Trick):
        def seen(self, game, inputs):
            (self.samples,) = inputs
            return inputs

    look = Look()
    model, x = pacgan(3, tricks=[look]), points(12)
    packs = model.real(x)
    assert torch.equal(model.judge(*packs), model.discriminator(*packs))
    assert torch.equal(look.samples, x)


def test_the_discriminator_is_told_of_packs():
    from jsonargparse import Namespace

    facts = {"image_shape": (3, 8, 8), "num_classes": None, "latent_dim": 5}
    model = Namespace(class_path="lightning_gans.PacGAN", init_args=Namespace(pack=4))
    assert told(model, "discriminator", facts)["image_shape"] == (12, 8, 8)
    assert told(model, "generator", facts)["image_shape"] == (3, 8, 8)
    assert told(model, "discriminator", facts | {"image_shape": None})["image_shape"] is None


def test_two_processes_pack_as_one_does(tmp_path):
    from tests.engine.test_processes import Agree

    one = pacgan(4, **PLAYERS)
    train(one, 6, data=points(320), batch_size=32, loader=dealt_loader)
    two, file = pacgan(4, **PLAYERS), tmp_path / "weights.pt"
    spread = {"strategy": "ddp_fork", "devices": 2, "callbacks": [Agree(file)]}
    train(two, 6, data=points(320), batch_size=16, **spread)
    saved = torch.load(file)["weights"]
    for name, weight in state(one).items():
        torch.testing.assert_close(saved[name], weight, rtol=0, atol=1e-6)


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match="pack=0"):
        gan(PacGAN, pack=0)
    told = PacGAN.facts("discriminator", {"image_shape": (1, 8, 8)}, {"pack": 0})
    assert told["image_shape"] == (1, 8, 8)  # so that the discriminator can be built, and the pack be refused
    with pytest.raises(ConfigError, match=r"pack=3: a batch of 32 .* does not divide"):
        train(pacgan(3), 1)
