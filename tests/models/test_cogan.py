import pytest
import torch

from lightning_gans import CoGAN
from lightning_gans.batch import Batch, Condition
from lightning_gans.networks import CoupledDiscriminator, CoupledGenerator
from tests.games import same, state

SHAPE = (1, 8, 8)


def cogan(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator, discriminator = CoupledGenerator(5, SHAPE, 4), CoupledDiscriminator(SHAPE, 4, batch_norm=False)
        return CoGAN(generator, discriminator, num_classes=2, **kwargs)


def batch_of(n=16):
    images = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(images, Condition(label=torch.arange(n) % 2))


def of_domain(network, i, x):
    """The network of one domain, written out."""
    if isinstance(network, CoupledGenerator):
        return network.own[i](network.shared(network.project(x[:, :, None, None])))
    return network.out(network.shared(network.own[i](x))).flatten(1)


def test_losses_are_the_sum_over_domains():
    model, batch = cogan().eval(), batch_of()
    x, domains = batch.image, batch.condition.label
    model._rng.seek(0, 0)
    z = model.latent(batch)
    d_loss, g_loss = 0, 0
    for i in (0, 1):
        fake = of_domain(model.generator, i, z[domains == i])
        real_p, fake_p = (of_domain(model.discriminator, i, each).sigmoid() for each in (x[domains == i], fake))
        d_loss = d_loss - (real_p.log().mean() + (1 - fake_p).log().mean()) / 2
        g_loss = g_loss - fake_p.log().mean() / 2
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(batch), d_loss)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(batch), g_loss)


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_domain_moves_its_own_layers_and_the_shared_ones(name):
    network = getattr(cogan(), name)
    given = batch_of().image if name == "discriminator" else torch.randn(16, 5)
    network(given, torch.zeros(16, dtype=torch.long)).square().sum().backward()
    moved = {key: bool(p.grad is not None and p.grad.any()) for key, p in network.named_parameters()}
    assert {key for key, found in moved.items() if not found} == {key for key in moved if key.startswith("own.1")}
    assert any(key.startswith("shared") for key in moved)


def test_domains_begin_apart():
    first, second = cogan().generator.own
    assert not same(state(first), state(second))


def test_pairs_lie_below_each_other():
    model = cogan()
    rows = model.visuals(None, seed=3)["pairs"]
    assert rows.shape == (8, 8, *SHAPE)
    for i in (0, 1):
        expected = model.sample(32, labels=torch.full((32,), i), seed=3)
        assert torch.equal(rows[i::2].flatten(0, 1), expected)
    assert list(model.visuals(None)) == ["pairs"]
