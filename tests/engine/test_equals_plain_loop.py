"""Training by Game equals the same training written as a plain torch loop, weight by weight."""

import copy

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import GAN, WGAN
from lightning_gans.engine import fold_in
from tests.cases import few
from tests.games import gan, loader, same, state, train

STEPS, SEED, LATENT = 50, 7, 3
DISCRIMINATOR, GENERATOR = 0, 1  # as players are numbered


def noise(step, player, n, update=0):
    """Of the coordinate (seed, step, player, first draw), and of the update where a player has several in a step."""
    seed = fold_in(SEED, step, player, 0, *([update] if update else []))
    return torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed))


def batches():
    steps = 0
    while True:
        for (batch,) in loader():
            yield steps, batch
            steps += 1
            if steps == STEPS:
                return


def stepped(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def plain_gan(generator, discriminator, average, decay, n_critic=1, n_generator=1):
    g_optimizer, d_optimizer = (
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
        for network in (generator, discriminator)
    )
    turns = 0
    for step, real in batches():
        fake = generator(noise(step, DISCRIMINATOR, len(real))).detach()
        stepped(d_optimizer, F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean())
        if (step + 1) % n_critic:
            continue
        for update in range(n_generator):
            fake = generator(noise(step, GENERATOR, len(real), update))
            stepped(g_optimizer, F.softplus(-discriminator(fake)).mean())
            with torch.no_grad():
                for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
                    mean.lerp_(weight, 1 - min(decay, turns / (turns + 9)))
            turns += 1
    return turns


@pytest.mark.parametrize(("n_critic", "n_generator"), few([(1, 1), (3, 1), (1, 3), (2, 2)], [(3, 1)]))
def test_gan_with_averaging(n_critic, n_generator):
    turns = {"n_critic": n_critic, "n_generator": n_generator}
    model = gan(GAN, optimization={"ema_decay": 0.9, **turns})
    generator, discriminator = copy.deepcopy(model.generator), copy.deepcopy(model.discriminator)
    average = copy.deepcopy(generator)
    updates = plain_gan(generator, discriminator, average, 0.9, **turns)
    start = state(model.generator)
    trainer = train(model, STEPS)
    assert trainer.global_step == STEPS
    assert not same(state(model.generator), start)
    assert same(state(model.generator), state(generator))
    assert same(state(model.discriminator), state(discriminator))
    assert same(state(model.ema["generator"]), state(average))
    assert model.ema.num_updates.tolist() == [updates] == [STEPS // n_critic * n_generator]


def plain_wgan(generator, critic):
    g_optimizer = torch.optim.RMSprop(generator.parameters(), lr=5e-5)
    c_optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    for step, real in batches():
        fake = generator(noise(step, DISCRIMINATOR, len(real))).detach()
        stepped(c_optimizer, -(critic(real).mean() - critic(fake).mean()))
        with torch.no_grad():
            for weight in critic.parameters():
                weight.clamp_(-0.01, 0.01)
        if step % 5 == 4:
            stepped(g_optimizer, -critic(generator(noise(step, GENERATOR, len(real)))).mean())


def test_wgan_with_five_critic_updates():
    model = gan(WGAN)
    generator, critic = copy.deepcopy(model.generator), copy.deepcopy(model.discriminator)
    plain_wgan(generator, critic)
    train(model, STEPS)
    assert same(state(model.generator), state(generator))
    assert same(state(model.discriminator), state(critic))
    assert torch.cat([p.detach().flatten() for p in model.discriminator.parameters()]).abs().max() <= 0.01
