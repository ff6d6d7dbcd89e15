import pytest
import torch
from torch.nn import functional as F

from lightning_gans import GAN, ConfigError, PacGAN
from lightning_gans.augment import Augment
from lightning_gans.batch import Batch, Sample
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from tests.games import gan, labeled, loss_of, networks, points, same, state, train


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
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(Batch(x)))
    members = [[i, i + 4, i + 8] for i in range(4)]
    real_logits, fake_logits = (
        torch.stack([model.discriminator(torch.cat([s[i] for i in pack])[None])[0] for pack in members])
        for s in (x, fake)
    )
    expected = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), expected)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(Batch(x)), F.softplus(-fake_logits).mean())


def test_every_sample_is_scored_once():
    x = torch.arange(24.0).view(12, 2)
    packs = pacgan(4).packed(Sample(x)).image
    assert packs.shape == (3, 8)
    assert sorted(packs.flatten().tolist()) == x.flatten().tolist()


def test_images_are_packed_along_their_channels():
    model = PacGAN(DCGANGenerator(4, (3, 8, 8), 4), DCGANDiscriminator((6, 8, 8), 4))
    packs = model.real(Batch(torch.arange(12.0)[:, None, None, None].expand(-1, 3, 8, 8))).image
    assert packs.shape == (6, 6, 8, 8)
    assert packs[1, :, 0, 0].tolist() == [1, 1, 1, 7, 7, 7]
    assert model.critic.logits(model.fake(Batch(torch.zeros(12, 3, 8, 8)))).shape == (6, 1)


def test_labels_stay_with_their_samples():
    """A discriminator of packs is shown all labels of a pack: sample i beside i + N / m, its label likewise."""
    generator = MLPGenerator(3, (2,), (16,), num_classes=3)
    discriminator = MLPDiscriminator((4,), (16,), num_classes=3, labels_per_sample=2)
    model = PacGAN(generator, discriminator, given=["label"], num_classes=3)
    x, labels = labeled(3, 8)
    for sample in (model.real(model.prepare((x, labels))), model.fake(model.prepare((x, labels)))):
        assert torch.equal(sample.condition.label, torch.stack([labels[:4], labels[4:]], 1))
    assert model.critic.logits(model.real(model.prepare((x, labels)))).shape == (4, 1)


def test_augmentations_see_samples_not_packs():
    class Look(Augment):
        def __call__(self, samples, rand, clock):
            self.seen.append(samples)
            return samples

    look, x = Look(), points(12)
    look.seen = []
    model = pacgan(3, augment=[look])
    loss = loss_of(model, "discriminator", x)
    real, fake = look.seen
    assert torch.equal(real, x)
    packs = [torch.cat(each.chunk(3), 1) for each in (real, fake)]
    real_logits, fake_logits = (model.discriminator(each) for each in packs)
    torch.testing.assert_close(loss, F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean())


def test_the_discriminator_is_told_of_packs():
    data = {"image_shape": (3, 8, 8), "num_classes": None, "latent_dim": 5}
    told = PacGAN.network_kwargs("discriminator", data, {"pack": 4})
    assert (told["image_shape"], told["labels_per_sample"]) == ((12, 8, 8), 4)
    assert PacGAN.network_kwargs("generator", data, {"pack": 4})["image_shape"] == (3, 8, 8)
    assert PacGAN.network_kwargs("discriminator", data | {"image_shape": None}, {"pack": 4})["image_shape"] is None
    impossible = PacGAN.network_kwargs("discriminator", data, {"pack": 0})
    assert impossible["image_shape"] == (3, 8, 8)  # so that the discriminator can be built, and the pack be refused


def test_a_batch_that_makes_no_packs_is_refused():
    with pytest.raises(ConfigError, match=r"pack=3: a batch of 32 .* does not divide"):
        train(pacgan(3), 1)
