"""What comes out of a generator: by seed and index alone, with averaged weights or raw ones, without a trace."""

import pytest
import torch
from lightning.pytorch import Callback
from torch import nn

from lightning_gans import GAN, Condition, ConfigError, Uniform
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator
from tests.games import gan, networks, same, state, train


def convolutional(**kwargs):
    torch.manual_seed(0)
    return GAN(DCGANGenerator(8, (1, 8, 8), 4), DCGANDiscriminator((1, 8, 8), 4), **kwargs)


def images(n=64):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_sample_depends_on_seed_and_index_alone():
    model = convolutional()
    train(model, 6, data=images(), batch_size=16)
    whole = model.sample(700)
    torch.testing.assert_close(torch.cat([model.sample(300), model.sample(400, start=300)]), whole)
    assert not torch.equal(model.sample(4, seed=1), whole[:4])
    assert whole.shape == (700, 1, 8, 8)
    assert whole.abs().max() <= 1


def test_sampling_leaves_no_trace():
    model = convolutional()
    train(model, 6, data=images(), batch_size=16)
    model.train()
    before, modes, rng = state(model.generator), [m.training for m in model.modules()], torch.get_rng_state()
    model.sample(8)
    assert same(before, state(model.generator))
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(rng, torch.get_rng_state())
    assert all(p.grad is None for p in model.generator.parameters())


def channel_variance(hidden):
    return hidden.var((0, 2, 3))


@pytest.mark.parametrize("truncation", [None, 0.5])
def test_averaged_weights_get_batch_statistics_of_their_own_and_of_the_latents_in_use(truncation):
    model = convolutional(optimization={"ema_decay": 0.9})
    train(model, 20, data=images(), batch_size=16)
    whole = model.sample(2)
    model.sample(2, truncation=truncation)
    average, prior = model.ema["generator"], model.prior if truncation is None else model.prior.truncate(truncation)
    norm = next(m for m in average.modules() if isinstance(m, nn.BatchNorm2d))
    with torch.no_grad():
        hidden = [average.project(model._bn_inputs(i, prior)[0][:, :, None, None]) for i in range(20)]
    mean, var = (torch.stack([f(h) for h in hidden]).mean(0) for f in (lambda h: h.mean((0, 2, 3)), channel_variance))
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(norm.running_var, var, rtol=1e-4, atol=1e-8)
    assert norm.momentum == 0.1
    assert torch.equal(model.sample(2), whole)


def test_sampling_does_not_change_training():
    class Peek(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            pl_module.sample(4)

    undisturbed, watched = (convolutional(optimization={"ema_decay": 0.9}) for _ in range(2))
    train(undisturbed, 6, data=images(), batch_size=16)
    train(watched, 6, data=images(), batch_size=16, callbacks=[Peek()])
    assert same(state(undisturbed.generator), state(watched.generator))
    assert torch.equal(undisturbed.sample(4), watched.sample(4))


def test_raw_and_averaged_samples_differ():
    model = gan(optimization={"ema_decay": 0.99})
    train(model, 10)
    assert not torch.equal(model.sample(4), model.sample(4, ema=False))
    assert torch.equal(model.sample(4, ema=False), model.generator(model.generator_inputs(Condition(), 0, 4, 0)[0]))
    off = gan(optimization={"ema_decay": 0.0})
    train(off, 2)
    assert off.ema is None
    assert torch.equal(off.sample(4), off.sample(4, ema=False))


def test_truncation_and_priors():
    model = gan(prior=Uniform(2, 3))
    (z,) = model.generator_inputs(Condition(), 0, 100, 0)
    assert z.min() >= 2
    assert z.max() < 3
    near = gan().sample(500, truncation=0.1)
    assert near.std() < gan().sample(500).std() / 2


def test_latent_size_must_be_known():
    _, discriminator = networks()
    with pytest.raises(ConfigError, match="latent_dim=None"):
        GAN(nn.Linear(3, 2), discriminator)
    assert GAN(nn.Linear(3, 2), discriminator, latent_dim=3).latent_dim == 3


def test_no_samples_are_none_to_ask_for():
    with pytest.raises(ConfigError, match="n=0"):
        gan().sample(0)
