import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.mmd import maximum_mean_discrepancy
from lightning_gans.objectives.kernels import GaussianKernel, LinearKernel, RationalQuadraticKernel
from lightning_gans.objectives.two_sample import witness, witness_of_samples


def samples(n, shift=0.0, seed=0):
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


KERNELS = [LinearKernel(), GaussianKernel([1.0, 4.0]), RationalQuadraticKernel()]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda each: type(each).__name__)
def test_the_means_differ_by_the_unbiased_statistic(kernel):
    x, y = samples(30), samples(20, shift=0.5, seed=1)
    real, fake = witness_of_samples(kernel, x, y)
    assert (real.shape, fake.shape) == ((30,), (20,))
    torch.testing.assert_close(real.mean() - fake.mean(), maximum_mean_discrepancy(x, y, kernel))


def test_the_witness_elsewhere_is_that_of_the_samples_but_for_the_sample_itself():
    kernel, x, y = RationalQuadraticKernel(), samples(30), samples(20, shift=0.5, seed=1)
    real, _ = witness_of_samples(kernel, x, y)
    others = torch.cat([x[:7], x[8:]])
    torch.testing.assert_close(witness(kernel, x[7:8], others, y)[0], real[7])


def test_equal_distributions_have_none_on_average():
    values = []
    for seed in range(200):
        real, fake = witness_of_samples(
            RationalQuadraticKernel(), samples(8, seed=2 * seed), samples(8, seed=2 * seed + 1)
        )
        values.append(real.mean() - fake.mean())
    values = torch.stack(values)
    assert values.mean().abs() < 3 * values.std() / 200**0.5  # unbiased: some are negative
    assert values.min() < 0


def test_half_precision_around_it_changes_nothing():
    kernel, x, y = RationalQuadraticKernel(), samples(30, shift=3.0).float(), samples(20, shift=3.1, seed=1).float()
    exact = witness_of_samples(kernel, x, y)[0], witness(kernel, x, x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = witness_of_samples(kernel, x, y)[0], witness(kernel, x, x, y)
    assert all(torch.equal(first, second) for first, second in zip(exact, mixed, strict=True))


def test_the_rational_quadratic_kernel_is_a_mixture_of_gaussians():
    """(1 + d^2 / (2 a))^-a = int Gamma(a, a)(tau) exp(-tau d^2 / 2) dtau: Binkowski et al. 2018, section 2.1."""
    exponent, distance = 2.0, 1.7
    tau = torch.linspace(1e-4, 40, 400_001, dtype=torch.float64)
    density = torch.distributions.Gamma(exponent, exponent).log_prob(tau).exp()
    mixture = torch.trapezoid(density * torch.exp(-tau * distance**2 / 2), tau)
    kernel = RationalQuadraticKernel(exponent)(torch.zeros(1, 1).double(), torch.full((1, 1), distance).double())
    assert float(kernel) == pytest.approx(float(mixture), rel=1e-5)


def test_one_sample_is_no_sample():
    with pytest.raises(ConfigError, match="batch_size=1: fake samples are compared in pairs"):
        witness_of_samples(LinearKernel(), samples(4), samples(1))
    with pytest.raises(ConfigError, match="exponent=0"):
        RationalQuadraticKernel(0.0)
