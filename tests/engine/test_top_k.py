"""The generator learns from its better samples, whatever they are scored by."""

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import MMDGAN, R3GAN, ConfigError, PacGAN, TopK
from lightning_gans.networks import MLPDiscriminator
from tests.games import drawn, gan, loss_of, networks, points, train


def test_it_averages_over_the_best():
    model, x = gan(top_k=TopK(min_fraction=0.25, decay_steps=8)), points(64)
    for step, count in ((0, 64), (4, 32), (8, 16), (100, 16)):
        loss = loss_of(model, "generator", x, step)
        logits = model.discriminator(model.generator(drawn(torch.randn, (64, 3), step, 1, 0)))
        expected = F.softplus(-logits.flatten().sort(descending=True).values[:count]).mean()
        torch.testing.assert_close(loss, expected)


def test_its_share_is_logged():
    metrics = train(gan(top_k=TopK(min_fraction=0.5, decay_steps=4)), 5).callback_metrics
    assert float(metrics["top_k"]) == 0.5  # of the fifth step, after four


def test_it_leaves_the_discriminator_alone():
    plain, chosen = gan(), gan(top_k=TopK(min_fraction=0.25, decay_steps=1))
    losses = [loss_of(model, "discriminator", points(64), step=9) for model in (plain, chosen)]
    assert torch.equal(*losses)


def test_samples_are_ranked_by_the_mean_of_their_logits_and_packs_as_one():
    top_k = TopK(min_fraction=0.5, decay_steps=1)
    logits = torch.tensor([[0.0, 9.0], [3.0, 3.0], [5.0, 5.0], [1.0, 1.0]])
    assert top_k(logits, 1).tolist() == [[5.0, 5.0], [0.0, 9.0]]
    assert sorted(top_k(logits[:, 0], 1).tolist()) == [3.0, 5.0]
    chosen = []

    class Watched(TopK):
        def __call__(self, logits, step):
            chosen.append(super().__call__(logits, step).shape)
            return super().__call__(logits, step)

    packs = PacGAN(networks()[0], MLPDiscriminator((4,), (8,)), top_k=Watched(0.5, 1))
    loss_of(packs, "generator", points(64), step=1)
    assert chosen == [(16, 1)]


@pytest.mark.parametrize(("cls", "named"), [(R3GAN, "Relativistic"), (MMDGAN, "a loss on features")])
def test_losses_of_all_samples_together_are_refused(cls, named):
    with pytest.raises(ConfigError, match=rf"top_k='TopK': .* {named} is none"):
        gan(cls, top_k=TopK())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"min_fraction": 0}, "min_fraction=0"),
        ({"min_fraction": 1.5}, r"min_fraction=1\.5"),
        ({"decay_steps": 0}, "decay_steps=0"),
    ],
)
def test_impossible_settings_are_named(settings, named):
    with pytest.raises(ConfigError, match=named):
        TopK(**settings)
