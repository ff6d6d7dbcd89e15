"""Exact transport: a distance, a permutation, and a critic that proves both."""

from itertools import permutations

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional import OptimalCritic, optimal_transport, wasserstein_1
from lightning_gans.networks import MLPDiscriminator


def points(n, seed, dim=2, std=1.0, mean=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator, dtype=torch.float64) * std + mean


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_it_is_the_cheapest_permutation(dim):
    real, fake = points(6, 0, dim), points(6, 1, dim)
    found = optimal_transport(real, fake)
    costs = {s: float((fake - real[list(s)]).norm(dim=1).mean()) for s in permutations(range(6))}
    assert float(found.distance) == pytest.approx(min(costs.values()))
    assert costs[tuple(found.partner.tolist())] == pytest.approx(min(costs.values()))


def test_on_a_line_it_is_the_area_between_the_distribution_functions():
    real, fake = points(300, 0, 1), points(300, 1, 1, std=2.0, mean=0.5)
    x = torch.cat([real, fake]).flatten().sort().values
    f, g = ((part <= x[:, None]).double().mean(1) for part in (real.T, fake.T))
    assert float(wasserstein_1(real, fake)) == pytest.approx(float(((f - g).abs()[:-1] * x.diff()).sum()))


def test_it_is_a_distance():
    a, b, c = points(50, 0), points(50, 1), points(50, 2, mean=1.0)
    assert wasserstein_1(a, a[torch.randperm(50)]) == 0
    assert float(wasserstein_1(a, b)) == pytest.approx(float(wasserstein_1(b, a)))
    assert wasserstein_1(a, c) <= wasserstein_1(a, b) + wasserstein_1(b, c)
    assert float(wasserstein_1(a, a + torch.tensor([3.0, 4.0]))) == pytest.approx(5)  # a shift costs its length


def test_float32_and_a_common_offset_cost_no_digits():
    real, fake = points(40, 0), points(40, 1)
    moved = wasserstein_1(real + 1e6, fake + 1e6)
    assert float(moved) == pytest.approx(float(wasserstein_1(real, fake)), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_optimal_critic_reaches_the_distance_with_slope_1(seed):
    """Kantorovich and Rubinstein: any function of slope 1 stays below W1, so one that reaches it proves W1 optimal."""
    real, fake = points(80, seed), points(80, seed + 10, std=0.5, mean=1.0)
    critic, (distance, partner) = OptimalCritic(real, fake), optimal_transport(real, fake)
    assert float(critic(real).mean() - critic(fake).mean()) == pytest.approx(float(distance), abs=1e-12)
    places = torch.cat([points(300, 99, std=3.0), real, fake])
    values, apart = critic(places), torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
    assert ((values[:, None] - values).abs() <= apart + 1e-12).all()
    moved = fake.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(moved).sum(), moved)
    way = real[partner] - fake
    assert torch.allclose(gradient, way / way.norm(dim=1, keepdim=True), atol=1e-9)


def test_no_function_of_slope_1_estimates_more():
    real, fake = points(60, 0), points(60, 1, mean=0.7)
    distance = wasserstein_1(real, fake)
    for seed in range(5):
        direction = points(1, seed)[0]
        linear = direction / direction.norm()
        assert (real @ linear).mean() - (fake @ linear).mean() <= distance
        bump = points(1, seed)
        assert (real - bump).norm(dim=1).mean() - (fake - bump).norm(dim=1).mean() <= distance


def test_a_clipped_critic_stays_below_k_times_the_distance():
    """K is at most the product of its layers' spectral norms: Arjovsky et al. 2017, arXiv:1701.07875, section 3."""
    real, fake = points(100, 0).float(), points(100, 1, mean=2.0).float()
    torch.manual_seed(0)
    critic = MLPDiscriminator((2,), (32, 32))
    optimizer = torch.optim.RMSprop(critic.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        (critic(fake).mean() - critic(real).mean()).backward()
        optimizer.step()
        for parameter in critic.parameters():
            parameter.data.clamp_(-0.1, 0.1)
    weights = [parameter.detach() for parameter in critic.parameters() if parameter.ndim == 2]
    bound = torch.stack([torch.linalg.matrix_norm(weight, 2) for weight in weights]).prod() * wasserstein_1(real, fake)
    estimate = (critic(real).mean() - critic(fake).mean()).item()
    assert 0.3 * float(bound) < estimate <= float(bound)  # near it, after so much training, and never above


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (points(3, 0), points(4, 0), r"fake=\(4, 2\): the real samples are \(3, 2\); compare as many"),
        (points(201, 0), points(201, 1), "exact transport is for 200 points at most"),
        (points(3, 0) * torch.nan, points(3, 0), "3 samples have NaN"),
    ],
)
def test_what_cannot_be_transported_is_refused(real, fake, message):
    with pytest.raises(ConfigError, match=message):
        wasserstein_1(real, fake)
    with pytest.raises(ConfigError, match=message):
        OptimalCritic(real, fake)
    assert wasserstein_1(points(500, 0, 1), points(500, 0, 1)) == 0  # a line has room for more
