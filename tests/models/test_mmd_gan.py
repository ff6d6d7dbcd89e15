import pytest
import torch
from torch import nn

from lightning_gans import MMDGAN, ConfigError
from lightning_gans.batch import Batch
from lightning_gans.evaluation.metrics.functional.mmd import maximum_mean_discrepancy
from lightning_gans.networks import MLPDiscriminator
from lightning_gans.objectives.kernels import (
    GaussianKernel,
    LinearKernel,
    MedianGaussianKernel,
    RationalQuadraticKernel,
)
from tests.games import networks, points, train


def mmd_gan(**kwargs):
    generator, _ = networks()
    torch.manual_seed(0)
    return MMDGAN(generator, MLPDiscriminator((2,), (16,), out_features=4), **kwargs)


@pytest.mark.parametrize("kernel", [None, GaussianKernel([0.5, 2.0]), MedianGaussianKernel()], ids=str)
def test_losses_follow_the_equations(kernel):
    """Against the metric and, for the penalty on the witness, finite differences."""
    model, x = mmd_gan(kernel=kernel, gp_weight=3.0).double(), points(8).double()
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(Batch(x))).detach()
    alpha, h = model.rand(torch.rand, 8).double()[:, None], model.discriminator
    k = (kernel or RationalQuadraticKernel()).fit(h(x).detach())
    mmd = maximum_mean_discrepancy(h(x).detach(), h(fake).detach(), k)

    def witness(t):
        return k(h(t), h(x)).mean(1) - k(h(t), h(fake)).mean(1)

    between, step = alpha * x + (1 - alpha) * fake, 1e-5
    moved = [(witness(between + step * axis) - witness(between - step * axis)) / (2 * step) for axis in torch.eye(2)]
    penalty = ((torch.stack(moved, 1).norm(dim=1) - 1) ** 2).mean()
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), -mmd + 3 * penalty, rtol=1e-4, atol=1e-6)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(Batch(x)), mmd)


def test_both_samples_teach_the_critic():
    model = mmd_gan(gp_weight=0.0)
    model.discriminator_loss(Batch(points(16))).backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for p in model.discriminator.out.parameters() if p.ndim > 1
    )


def test_a_linear_kernel_measures_the_distance_of_the_means():
    """With h(x) = x and k(x, y) = x.y, the statistic is |E x - E y|^2, and a generator that shifts closes it."""

    class Shift(nn.Module):
        latent_dim = 2

        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))

        def forward(self, z):
            return z + self.shift

    class Same(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.scale * x

    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1}}
    still = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.0}}
    settings = {"kernel": LinearKernel(), "gp_weight": 0.0}
    learning = {"n_critic": 1, "generator": sgd, "discriminator": still}
    model = MMDGAN(Shift(), Same(), optimization=learning, **settings)
    data = torch.randn(512, 2, generator=torch.Generator().manual_seed(0)) + torch.tensor([3.0, -4.0])
    first = train(model, 1, data=data, batch_size=128, log_every_n_steps=1).callback_metrics
    assert float(first["mmd"]) == pytest.approx(25, rel=0.2)
    last = train(model, 40, data=data, batch_size=128).callback_metrics
    assert abs(float(last["mmd"])) < 0.3
    torch.testing.assert_close(model.generator.shift.detach(), torch.tensor([3.0, -4.0]), atol=0.3, rtol=0)


def test_what_is_logged_is_the_witness():
    model = mmd_gan()
    metrics = train(model, 5).callback_metrics
    assert float(metrics["logits/real"] - metrics["logits/fake"]) == pytest.approx(float(metrics["mmd"]), abs=1e-5)
    assert 0 <= float(metrics["accuracy/discriminator"]) <= 1


def test_the_command_line_tells_the_critic_of_16_features():
    data = {"image_shape": (2,), "num_classes": None, "latent_dim": 3}
    assert MMDGAN.network_kwargs("discriminator", data, {})["out_features"] == 16
    assert MMDGAN.network_kwargs("generator", data, {}) == {"image_shape": (2,), "latent_dim": 3}


def test_batch_norm_is_refused():
    with pytest.raises(ConfigError, match="BatchNorm1d at '1'"):
        MMDGAN(nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)), latent_dim=3)
