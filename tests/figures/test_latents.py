"""What is drawn of latents, what is logged of them, and the grid over two of them."""

import math

import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_gans import GAN, VAE, Autoencoder, ConditionalGAN, Uniform
from lightning_gans.batch import Batch
from lightning_gans.callbacks import SampleGrid
from lightning_gans.engine import Normal
from lightning_gans.engine.latent import _LATENT_GRID
from lightning_gans.engine.priors import InfoGANPrior
from lightning_gans.figures.latents import plot_latents, principal_plane
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import train


def test_the_principal_plane_keeps_what_lies_in_a_plane():
    plane = torch.randn(40, 2, dtype=torch.float64) * torch.tensor([3.0, 0.5])
    axes, _ = torch.linalg.qr(torch.randn(6, 2, dtype=torch.float64))
    found, shares = principal_plane(plane @ axes.T + 7)
    torch.testing.assert_close(torch.cdist(found, found), torch.cdist(plane, plane))
    assert sum(shares) == pytest.approx(1)
    assert shares[0] > shares[1]
    turned, _ = principal_plane(-(plane @ axes.T))
    torch.testing.assert_close(turned, -found)  # an axis keeps its direction


@pytest.mark.parametrize("latents", [1, 5])
def test_classes_have_colors_of_their_own(latents):
    codes, labels = torch.randn(30, latents), torch.arange(30) % 3
    plain, colored = (plot_latents(codes, each, "t") for each in (None, labels))
    assert plain.size == colored.size
    assert len(set(colored.getdata())) > len(set(plain.getdata())) * 1.5


def test_bars_say_what_each_latent_says():
    codes, kl = torch.randn(30, 3), torch.tensor([2.0, 0.0, 1.0])
    pictures = [plot_latents(codes, None, "t", kl, torch.tensor(each)) for each in ([True] * 3, [True, False, False])]
    assert pictures[0].tobytes() != pictures[1].tobytes()


class HalfBlind(nn.Module):
    """Tells where a point is along the first axis; its second latent is the prior whatever it is shown."""

    def forward(self, x):
        zero = torch.zeros_like(x[:, :1]) + 0 * x[:, :1]
        return torch.cat([3 * x[:, :1], zero, zero - math.log(4.0), zero], 1)


def test_the_kl_term_of_each_latent_adds_up_and_one_unit_is_active():
    model = VAE(MLPGenerator(2, (2,), (8,), tanh_output=False), HalfBlind(), latent_dim=2)
    logged = train(model, 5).callback_metrics
    assert float(logged["kl/0"] + logged["kl/1"]) == pytest.approx(float(logged["elbo/kl"]), rel=1e-5)
    assert float(logged["kl/1"]) == pytest.approx(0, abs=1e-6)
    assert float(logged["active_units"]) == 1


@pytest.mark.parametrize(
    "prior", [Normal(), Normal(bound=0.7), Uniform(), Uniform(0.0, 3.0)], ids=lambda each: repr(vars(each))
)
def test_quantiles_have_their_share_of_draws_below_them(prior):
    draws = prior(40_000, generator=torch.Generator().manual_seed(0), device=torch.device("cpu"))
    for p in (0.1, 0.5, 0.9):
        assert float((draws < prior.quantile(torch.tensor(p))).float().mean()) == pytest.approx(p, abs=0.01)


def gan(cls=GAN, **how):
    return cls(MLPGenerator(2, (1, 8, 8), **how), MLPDiscriminator((1, 8, 8), **how), **how)


def test_two_latents_have_a_grid():
    model = gan()
    grid = model.visuals(None)["latent_grid"]
    assert grid.shape == (_LATENT_GRID, _LATENT_GRID, 1, 8, 8)
    far = float(Normal().quantile(torch.tensor(0.5 / _LATENT_GRID)))
    with torch.no_grad():
        corners = model(torch.tensor([[far, -far], [-far, far]]))  # left above, right below
    torch.testing.assert_close(torch.stack([grid[0, 0], grid[-1, -1]]), corners)
    assert "latent_grid" not in GAN(MLPGenerator(3, (1, 8, 8)), MLPDiscriminator((1, 8, 8))).visuals(None)
    assert "latent_grid" not in gan(ConditionalGAN, num_classes=3).visuals(None)
    model.prior = InfoGANPrior([2], 0)
    assert "latent_grid" not in model.visuals(None), "codes are not spread evenly"


@pytest.mark.parametrize(("model", "outputs"), [(VAE, 6), (Autoencoder, 3)])
def test_a_run_draws_the_latents_of_real_images(model, outputs, tmp_path):
    game = model(MLPGenerator(3, (1, 8, 8), (8,)), MLPEncoder((1, 8, 8), (8,), outputs))
    images = torch.rand(32, 1, 8, 8) * 2 - 1
    data = TensorDataset(images, torch.arange(32) % 4)
    callbacks = [SampleGrid(num_samples=8)]
    train(game, 1, loader=lambda *_: DataLoader(data, 8), callbacks=callbacks, default_root_dir=tmp_path)
    with Image.open(tmp_path / "samples/latents_000000001.png") as picture:
        assert picture.width == (1140 if model is VAE else 700)
        assert len(picture.getcolors(1 << 20)) > 50


def test_means_and_variances_of_the_averaged_encoder():
    model = VAE(MLPGenerator(3, (2,), (8,)), MLPEncoder((2,), (8,), 6))
    x = torch.randn(5, 2)
    mean, log_variance = model.encode_distribution(x)
    torch.testing.assert_close(mean, model.encode(x))
    torch.testing.assert_close((mean, log_variance), model.posterior(Batch(x)))
