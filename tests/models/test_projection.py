import pytest
import torch
from torch import nn

from lightning_gans import ConfigError, ProjectionGAN
from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResNetDiscriminator,
)
from tests.games import labeled, updates

C = 3


def projection(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(3, (2,), (16,), tanh_output=False, num_classes=C)
        return ProjectionGAN(generator, MLPDiscriminator((2,), (16,)), num_classes=C, **kwargs)


def logits(model, x, y):
    """psi(phi(x)) + V[y] . phi(x), with V divided by its largest singular value."""
    body, v = model.discriminator.body, model.discriminator.embedding.layer.weight
    phi = body.features(x)
    return body.head(phi)[:, 0] + ((v / torch.linalg.svdvals(v)[0])[y] * phi).sum(1)


def converged(model):
    for _ in range(200):  # power iterations, one in each forward pass
        model.discriminator.embedding(torch.tensor([0]))
    return model.eval()


def test_losses_follow_the_equations():
    model, (x, y) = converged(projection()), labeled(C, 24)
    batch = Batch(x, Condition(label=y))
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(batch), y)
    model._rng.seek(0, 0)
    expected = (1 - logits(model, x, y)).clamp(min=0).mean() + (1 + logits(model, fake, y)).clamp(min=0).mean()
    torch.testing.assert_close(model.discriminator_loss(batch), expected)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(batch), -logits(model, fake, y).mean())


@pytest.mark.parametrize(
    "body",
    [
        lambda: MLPDiscriminator((1, 8, 8), (16,)),
        lambda: DCGANDiscriminator((1, 8, 8), 4, batch_norm=False, spectral_norm=True),
        lambda: ResNetDiscriminator((1, 8, 8), 4),
    ],
    ids=["mlp", "dcgan", "resnet"],
)
def test_every_discriminator_shows_its_features(body):
    model = converged(ProjectionGAN(DCGANGenerator(4, (1, 8, 8), 4, num_classes=C), body(), num_classes=C))
    x, y = torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])

    def scored(y):
        return model.critic.logits(Sample(x, Condition(label=y)))

    torch.testing.assert_close(scored(y)[:, 0], logits(model, x, y))
    assert not torch.equal(scored(y), scored((y + 1) % C))


def test_the_embedding_is_the_discriminators():
    model = projection(optimization={"n_critic": 1})
    owned = [{id(p) for p in player.parameters()} for player in model.players()]
    embedding = id(model.discriminator.embedding.layer.weight)
    assert [embedding in each for each in owned] == [True, False]
    key = "embedding.layer.weight"
    for name, before, after in updates(model, labeled(C, 64)):
        kept = torch.equal(before["discriminator"][key], after["discriminator"][key])
        assert kept == (name == "generator")


def test_the_network_knows_no_labels():
    data, settings = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}, {"given": ["label"]}
    assert ProjectionGAN.network_kwargs("generator", data, settings)["num_classes"] == 10
    assert ProjectionGAN.network_kwargs("discriminator", data, settings)["num_classes"] == 0


def test_defaults_are_the_paper_s():
    discriminator, generator = projection().players()
    assert (discriminator.interval, generator.interval) == (1, 5)
    assert discriminator.optimizer["init_args"] == {"lr": 2e-4, "betas": [0.0, 0.9]}


def test_a_discriminator_that_hides_its_features_is_named():
    with pytest.raises(ConfigError, match="discriminator='Linear': has no features"):
        ProjectionGAN(MLPGenerator(3, (2,), num_classes=C), nn.Linear(2, 1), num_classes=C)
