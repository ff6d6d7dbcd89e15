"""Pictures of claims: what is drawn is what was computed."""

import math

import pytest
import torch
from torch import nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional import OptimalCritic, gaussian_mixture_log_density, precision_recall
from lightning_gans.figures import balls, densities, transport
from lightning_gans.objectives import KL, ReverseKL
from lightning_gans.objectives.divergences import Gaussian


def cloud(n, seed, shift=0.0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.fixture
def undrawn(monkeypatch):
    """Figures as they are, in place of pictures."""
    for module in (balls, densities):
        monkeypatch.setattr(module, "drawn", lambda figure: figure)


def test_transport_is_drawn_over_the_critic(monkeypatch):
    asked = {}
    monkeypatch.setattr(transport, "plot_points", lambda *args, **kwargs: asked.update(kwargs, title=args[3]))
    real, fake = torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    transport.plot_transport(real, fake, OptimalCritic(real, fake))
    assert asked["title"] == "W1 3.000, critic 3.000, cosine 1.00"
    assert asked["ways"].tolist() == [[[3.0, 4.0], [3.0, 0.0]], [[0.0, 2.0], [0.0, 0.0]]]
    across = nn.Linear(2, 1)  # five times as steep, and across every way
    across.weight.data = torch.tensor([[5.0, 0.0]])
    transport.plot_transport(real, fake, across)
    assert asked["title"] == "W1 3.000, critic 0.000, cosine 0.00"


def test_a_line_of_transport_is_seen():
    real, fake = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    window = transport.PlotWindow((0.5, 0.5), 1.0)
    with_ways = transport.plot_transport(real, fake, window=window)
    middle = [with_ways.getpixel((54 + 297, 720 - 76 - y)) for y in range(130, 170)]  # the middle of the lower way
    assert any(pixel != (255, 255, 255) for pixel in middle)
    assert with_ways.size == (720, 720)


@pytest.mark.parametrize(
    ("real", "score", "message"),
    [
        (cloud(4, 0)[:, :1], None, "ways are drawn in the plane"),
        (cloud(4, 0), lambda x: x[:, 0] * math.nan, "the critic's values are not finite"),
    ],
)
def test_transport_that_cannot_be_drawn_is_refused(real, score, message):
    with pytest.raises(ConfigError, match=message):
        transport.plot_transport(real, real + 1, score)


def test_the_balls_are_those_that_are_counted(undrawn):
    real, fake = cloud(80, 0), cloud(60, 1, shift=1.0)
    precision, recall = precision_recall(real, fake, 3)
    figure = balls.plot_balls(real, fake, 3)
    for axes, share, inner, points in zip(figure.axes, (precision, recall), (real, fake), (fake, real), strict=True):
        drawn_balls, centers, inside, outside = axes.collections
        assert torch.equal(torch.tensor(centers.get_offsets()).float(), inner)
        assert len(inside.get_offsets()) == pytest.approx(float(share) * len(points))
        assert len(inside.get_offsets()) + len(outside.get_offsets()) == len(points)
        assert f"{share:.2f}" in axes.get_title("left")
        third = torch.cdist(inner.double(), inner.double()).sort(1).values[:, 3]
        widths = torch.tensor(drawn_balls.get_widths())
        assert torch.allclose(widths, 2 * third, atol=1e-6)
    with pytest.raises(ConfigError, match="balls are drawn in the plane"):
        balls.plot_balls(real[:, :1], fake[:, :1])


def test_the_optimal_discriminator_beside_a_learned_one(undrawn):
    p, q = Gaussian(-1.0, 1.0), Gaussian(1.0, 1.0)
    figure = densities.plot_optimal_discriminator(
        p.log_density, q.log_density, (-3.0, 3.0), lambda x: (-2 * x)[:, :, None]
    )
    optimal, learned = figure.axes[0].lines[2:4]
    assert optimal.get_ydata() == pytest.approx(learned.get_ydata(), abs=1e-6)  # log(p / q) = -2 x
    assert float(optimal.get_ydata()[400]) == pytest.approx(0.5)
    real, generated = (torch.tensor(line.get_ydata()) for line in figure.axes[0].lines[:2])
    assert torch.allclose(torch.tensor(optimal.get_ydata()), real / (real + generated))


def test_one_gaussian_covers_two_modes_or_seeks_one(undrawn):
    def two(x):
        return gaussian_mixture_log_density(x[:, None], torch.tensor([[-2.0], [2.0]]), 0.6)

    kinds = {"KL": KL(), "reverse KL": ReverseKL()}
    covering, seeking = densities.plot_mode_seeking(kinds, two, (Gaussian(2.0, 0.6),), (-5.0, 5.0)).axes
    assert (covering.get_title("left"), seeking.get_title("left")) == ("KL 0.56", "reverse KL 0.69")
    labels = [axes.lines[1].get_label() for axes in (covering, seeking)]
    assert labels == ["q: mean 0.00, deviation 2.09", "q: mean 2.00, deviation 0.60"]
