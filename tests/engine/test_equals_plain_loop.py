"""Training by Game equals the same training written as a plain torch loop, weight by weight."""

import copy

import torch
from torch.nn import functional as F

from lightning_gans import GAN, WGAN
from lightning_gans.engine.randomness import mix
from tests.games import gan, loader, same, state, train

STEPS, SEED, LATENT = 50, 7, 3


def noise(step, move, n):
    generator = torch.Generator().manual_seed(mix(SEED, step, move, 0))
    return torch.randn(n, LATENT, generator=generator)


def batches():
    steps = 0
    while True:
        for (batch,) in loader():
            yield steps, batch
            steps += 1
            if steps == STEPS:
                return


def plain_gan(generator, discriminator, average, decay):
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    for step, real in batches():
        fake = generator(noise(step, 0, len(real))).detach()
        d_loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_loss = F.softplus(-discriminator(generator(noise(step, 1, len(real))))).mean()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        with torch.no_grad():
            for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(weight, 1 - min(decay, step / (step + 9)))


def plain_wgan(generator, critic):
    g_optimizer = torch.optim.RMSprop(generator.parameters(), lr=5e-5)
    c_optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    for step, real in batches():
        fake = generator(noise(step, 0, len(real))).detach()
        c_loss = -(critic(real).mean() - critic(fake).mean())
        c_optimizer.zero_grad()
        c_loss.backward()
        c_optimizer.step()
        with torch.no_grad():
            for weight in critic.parameters():
                weight.clamp_(-0.01, 0.01)
        if step % 5 == 4:
            g_loss = -critic(generator(noise(step, 1, len(real)))).mean()
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()


def test_gan_with_averaging():
    model = gan(GAN, ema_decay=0.9)
    generator, discriminator = copy.deepcopy(model.generator), copy.deepcopy(model.discriminator)
    average = copy.deepcopy(generator)
    plain_gan(generator, discriminator, average, 0.9)
    start = state(model.generator)
    train(model, STEPS)
    assert not same(state(model.generator), start)
    assert same(state(model.generator), state(generator))
    assert same(state(model.discriminator), state(discriminator))
    assert same(state(model.ema["generator"]), state(average))


def test_wgan_with_five_critic_moves():
    model = gan(WGAN)
    generator, critic = copy.deepcopy(model.generator), copy.deepcopy(model.discriminator)
    plain_wgan(generator, critic)
    train(model, STEPS)
    assert same(state(model.generator), state(generator))
    assert same(state(model.discriminator), state(critic))
    assert torch.cat([p.detach().flatten() for p in model.discriminator.parameters()]).abs().max() <= 0.01
