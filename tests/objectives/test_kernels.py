import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.objectives.kernels import (
    GaussianKernel,
    LinearKernel,
    MedianGaussianKernel,
    PolynomialKernel,
    median_distance,
)

KERNELS = [LinearKernel(), PolynomialKernel(), GaussianKernel(1.5), GaussianKernel([1.0, 4.0]), MedianGaussianKernel()]


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, 3, dtype=torch.float64, generator=generator)


def test_values_are_those_of_the_definitions(pair):
    x, y = pair
    distance = torch.cdist(x, y)
    assert torch.allclose(LinearKernel()(x, y), x @ y.T)
    assert torch.allclose(PolynomialKernel()(x, y), (x @ y.T / 3 + 1) ** 3)
    assert torch.allclose(PolynomialKernel(2, 0.5, 0.0)(x, y), (x @ y.T / 2) ** 2)
    expected = sum(torch.exp(-(distance**2) / (2 * s**2)) for s in (2.0, 4.0, 8.0))
    assert torch.allclose(GaussianKernel([2.0, 4.0, 8.0])(x, y), expected)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_gradients(kernel, pair):
    x, y = (side.clone().requires_grad_() for side in pair)
    fitted = kernel.fit(torch.cat([x, y]).detach())  # the bandwidth is a constant to the gradient
    assert torch.autograd.gradcheck(fitted, (x, y))
    assert torch.allclose(kernel(x, y), fitted(x, y))


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_kernel_matrices_are_positive_semi_definite(kernel, pair):
    samples = pair.flatten(0, 1)
    assert torch.linalg.eigvalsh(kernel(samples, samples))[0] > -1e-9


def test_gaussian_kernel_far_from_the_origin(pair):
    x, y = pair
    near = GaussianKernel(1.0)(x.float(), y.float())
    far = GaussianKernel(1.0)((x + 4096).float(), (y + 4096).float())
    assert (near - far).abs().max() < 1e-3  # without centring the distances have no digit left


def test_median_depends_neither_on_order_nor_on_global_randomness():
    x = torch.randn(5000, 2, generator=torch.Generator().manual_seed(1))
    state = torch.get_rng_state()
    median = median_distance(x)
    assert median == pytest.approx(median_distance(x.flip(0)), rel=1e-12)
    assert median == pytest.approx(1.665, rel=0.03)  # |x - y| / sqrt 2 is Rayleigh: sqrt 2 * 1.1774
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianKernel(0.0),
        lambda: GaussianKernel([]),
        lambda: GaussianKernel([1.0, -1.0]),
        lambda: GaussianKernel(float("nan")),
        lambda: PolynomialKernel(degree=0),
        lambda: PolynomialKernel(offset=-1.0),
        lambda: MedianGaussianKernel([]),
        lambda: MedianGaussianKernel().fit(torch.zeros(4, 2)),
        lambda: median_distance(torch.zeros(1, 2)),
    ],
)
def test_settings_that_cannot_work(make):
    with pytest.raises(ConfigError):
        make()
