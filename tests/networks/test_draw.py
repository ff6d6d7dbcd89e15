"""DRAW: glimpses against their equations, the bound against numerical integration, one noise a step."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lightning_gans import DRAW, ConfigError
from lightning_gans.batch import Batch
from lightning_gans.engine import Uniform
from lightning_gans.networks import DRAWNetwork, MLPGenerator
from lightning_gans.networks.draw import Glimpse
from lightning_gans.objectives import gaussian_kl


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(**kwargs):
    torch.manual_seed(0)
    return DRAWNetwork((1, 8, 8), **{"latent_dim": 6, "steps": 3, "hidden": 16, **kwargs}).double()


def test_a_glimpse_covers_the_image_where_the_state_says_nothing():
    """Means at 1, (A + 1) / 2 and A: numbered from 1, as in eqs. 19 and 20, and not from 0."""
    glimpse = Glimpse(4, (9, 9), 3).double()
    torch.nn.init.zeros_(glimpse.parameters_of.weight)
    torch.nn.init.zeros_(glimpse.parameters_of.bias)
    glimpse.parameters_of.bias.data[2] = math.log(0.01)  # narrow filters
    rows, columns, intensity = glimpse(draw(1, 4))
    expected = torch.zeros(1, 3, 9, dtype=torch.float64)
    for number, pixel in enumerate((0, 4, 8)):
        expected[0, number, pixel] = 1
    torch.testing.assert_close(rows, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(columns, expected, atol=1e-9, rtol=0)
    assert intensity.item() == 1
    image = draw(1, 1, 9, 9)
    torch.testing.assert_close(rows @ image[:, 0] @ columns.mT, image[:, 0, ::4, ::4])


def test_filters_are_normalized_wherever_they_lie():
    glimpse = Glimpse(4, (8, 12), 3).double()
    rows, columns, _ = glimpse(30 * draw(5, 4))
    assert rows.shape == (5, 3, 8)
    assert columns.shape == (5, 3, 12)
    for filters in (rows, columns):
        torch.testing.assert_close(filters.sum(2), torch.ones(5, 3, dtype=torch.float64))


def test_the_bound_is_the_likelihood_less_the_distance_of_the_posteriors():
    """One step and one latent, which can be integrated over: log p(x) = bound + KL(q(z | x) || p(z | x))."""
    net, x = network(latent_dim=1, steps=1), torch.rand(1, 1, 8, 8, dtype=torch.float64).round()
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    logits = net.canvases(z[:, None])[:, -1]
    log_likelihood = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum((1, 2, 3))
    log_joint = log_likelihood - z.square() / 2 - math.log(2 * math.pi) / 2
    log_evidence = log_joint.logsumexp(0) + math.log(24 / 4000)
    mean, log_variance = (part.flatten() for part in net.draw(x, torch.zeros(1, 1, 1, dtype=torch.float64))[1:])
    log_q = -((z - mean) ** 2) / (2 * log_variance.exp()) - log_variance / 2 - math.log(2 * math.pi) / 2
    distance = (log_q.exp() * (log_q - (log_joint - log_evidence))).sum() * 24 / 4000
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    drawn = net.draw(x.expand(60, -1, -1, -1), torch.from_numpy(nodes).view(60, 1, 1)).canvases[:, -1]
    nll = F.binary_cross_entropy_with_logits(drawn, x.expand_as(drawn), reduction="none").sum((1, 2, 3))
    bound = (
        -(nll * torch.from_numpy(weights)).sum() / math.sqrt(2 * math.pi)
        - gaussian_kl(mean[None], log_variance[None]).sum()
    )
    torch.testing.assert_close(log_evidence, bound + distance, atol=1e-6, rtol=0)
    assert distance > 0


def test_each_step_has_a_noise_of_its_own():
    net, x, noise = network(), torch.rand(2, 1, 8, 8, dtype=torch.float64), draw(2, 3, 2)
    before = net.draw(x, noise).canvases
    for step in range(3):
        changed = noise.clone()
        changed[:, step] += 1
        after = net.draw(x, changed).canvases
        assert torch.equal(after[:, :step], before[:, :step]), "what was drawn before stays"
        assert not torch.allclose(after[:, step], before[:, step])


def test_what_is_drawn_from_latents_is_what_the_encoder_saw_drawn():
    net, x, noise = network(), torch.rand(2, 1, 8, 8, dtype=torch.float64), draw(2, 3, 2)
    drawing = net.draw(x, noise)
    z = drawing.mean + (drawing.log_variance / 2).exp() * noise
    torch.testing.assert_close(net.canvases(z.flatten(1)), drawing.canvases)
    torch.testing.assert_close(net(z.flatten(1)), 2 * drawing.canvases[:, -1].sigmoid() - 1)


def test_what_a_model_shows():
    model = DRAW(network().float())
    real = torch.rand(8, 1, 8, 8) * 2 - 1
    torch.testing.assert_close(model.reconstruct(real), model(model.encode(real)))
    pictures = model.visuals(Batch(real))
    assert {name: tuple(part.shape) for name, part in pictures.items()} == {
        "drawing": (8, 3, 1, 8, 8),
        "reconstructions": (2, 8, 1, 8, 8),
    }
    torch.testing.assert_close(pictures["drawing"][:, -1], model.generate(n=8))


def test_what_does_not_fit_is_named():
    with pytest.raises(ConfigError, match="latent_dim=7: is shared by 3 steps"):
        network(latent_dim=7)
    with pytest.raises(ConfigError, match="2 x 2 filters or more"):
        network(read_size=1)
    with pytest.raises(ConfigError, match="draws nothing step by step"):
        DRAW(MLPGenerator(image_shape=(1, 8, 8), latent_dim=4))
    with pytest.raises(ConfigError, match="standard normal prior"):
        DRAW(network(), prior=Uniform())
