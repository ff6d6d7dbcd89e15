"""Pictures of points, and what a discriminator says of the plane."""

import pytest
import torch
from torch import nn

from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.figures.points import (
    PlotWindow,
    discriminates_2d_points,
    logit_field,
    plot_histogram,
    plot_points,
    undisturbed,
)
from lightning_gans.objectives import Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein

W, B = torch.tensor([2.0, -1.0]), 0.5


def cloud(n=512, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed)) * 0.5 + 1


def linear(weight=W, bias=B):
    return lambda x: (x.to(weight) @ weight + bias)[:, None]


class Noisy(nn.Module):
    """A discriminator with everything that a look at it could disturb."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.utils.spectral_norm(nn.Linear(8, 1))
        )

    def forward(self, x):
        return self.layers(x.float() + 0.1 * torch.randn(x.shape))


def test_field_of_a_linear_discriminator():
    real, fake, window = cloud(), cloud(seed=1), PlotWindow((1.0, -2.0), 3.0)
    field = logit_field(linear(), real, fake, window)
    side = len(field.logits)
    lattice = window.lattice(side).float()
    assert torch.allclose(field.logits, (lattice @ W + B).reshape(side, side), atol=1e-5)
    assert torch.allclose(field.generator_direction, W.expand(200, 2))
    assert field.level == pytest.approx(float((real.mean(0) + fake.mean(0)) @ W / 2 + B), abs=1e-5)
    assert torch.equal(lattice[0], torch.tensor([-2.0, -5.0]))  # lower left
    assert torch.equal(lattice[-1], torch.tensor([4.0, 1.0]))  # upper right


def test_patches_of_logits_are_averaged():
    window = PlotWindow((0.0, 0.0), 1.0)
    one = logit_field(linear(), cloud(), cloud(seed=1), window)
    many = logit_field(lambda x: linear()(x)[:, :, None] + torch.tensor([-1.0, 1.0]), cloud(), cloud(seed=1), window)
    assert torch.allclose(one.logits, many.logits, atol=1e-6)
    assert torch.allclose(one.generator_direction, many.generator_direction)


@pytest.mark.parametrize("objective", [NonSaturating(), Minimax(), Hinge(), Wasserstein(), LeastSquares()])
def test_direction_is_where_the_generators_loss_falls(objective):
    score = linear(W * 0.01, 0.0)  # below the target of least squares
    fake = cloud(seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(objective.generator(score(fake)), fake)
    direction = logit_field(score, cloud(), fake, PlotWindow.of(cloud())).generator_direction
    assert torch.allclose(torch.cosine_similarity(-gradient[:200], direction), torch.ones(200), atol=1e-5)


def test_a_look_disturbs_nothing():
    torch.manual_seed(0)
    network = Noisy()
    network.layers[0].eval()
    modes = [part.training for part in network.modules()]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rng = torch.get_rng_state()
    with undisturbed(network, torch.device("cpu")):
        assert not any(part.training for part in network.modules())
        assert logit_field(network, cloud(), cloud(seed=1), PlotWindow.of(cloud())) is not None
    assert torch.equal(torch.get_rng_state(), rng)
    assert [part.training for part in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def test_points_of_the_data_and_nothing_else_have_a_field():
    points = cloud(8)
    batch = Batch(points)
    assert discriminates_2d_points(Sample(points), batch)
    assert not discriminates_2d_points(Sample(points.reshape(4, 4)), batch)  # packs
    assert not discriminates_2d_points(Sample(points, Condition(label=torch.zeros(8))), batch)
    assert not discriminates_2d_points(Sample(points, latent=points), batch)
    assert not discriminates_2d_points(Sample(None, latent=points), batch)
    assert not discriminates_2d_points(Sample(-points), batch)  # of the same shape, and none of the data
    assert not discriminates_2d_points(Sample(torch.zeros(8, 3)), Batch(torch.zeros(8, 3)))


def colors(picture, where):
    """Mean color in a part of the axes; ``where`` are fractions (left, top, right, bottom) of the picture."""
    box = [round(fraction * side) for fraction, side in zip(where, picture.size * 2, strict=True)]
    pixels = torch.frombuffer(bytearray(picture.crop(box).tobytes()), dtype=torch.uint8)
    return pixels.reshape(-1, 3).double().mean(0)


def drawn(weight, fake, **kwargs):
    window = PlotWindow((0.0, 0.0), 1.0)
    real = torch.zeros(1, 2)
    field = logit_field(linear(torch.tensor(weight), 0.0), real, real, window)
    return plot_points(fake, None, window, "", field=field, **kwargs)


def test_up_is_up_and_right_is_right():
    nothing = torch.full((1, 2), 9.0)
    top, bottom = (0.3, 0.15, 0.7, 0.25), (0.3, 0.75, 0.7, 0.85)
    left, right = (0.15, 0.3, 0.25, 0.7), (0.75, 0.3, 0.85, 0.7)
    for weight, real_side, fake_side in (([0.0, 1.0], top, bottom), ([1.0, 0.0], right, left)):
        picture = drawn(weight, nothing)
        real, fake = colors(picture, real_side), colors(picture, fake_side)
        assert real[2] > real[0] + 50, "not blue"
        assert fake[0] > fake[2] + 50, "not red"


def test_points_and_modes_are_where_they_are():
    corner = torch.tensor([[0.8, 0.8]])
    window, nothing = PlotWindow((0.0, 0.0), 1.0), torch.full((1, 2), 9.0)
    there, elsewhere = (0.78, 0.12, 0.86, 0.2), (0.1, 0.7, 0.3, 0.8)
    empty = colors(plot_points(nothing, None, window, ""), there)
    for shown in ({"fake": corner}, {"fake": nothing, "modes": corner}, {"fake": nothing, "real": corner}):
        picture = plot_points(**{"real": None, "window": window, "title": "", **shown})
        assert not torch.equal(colors(picture, there), empty)
        assert torch.equal(colors(picture, elsewhere), torch.full((3,), 255.0).double())


def test_a_window_counts_what_it_does_not_show():
    window = PlotWindow.of(cloud())
    assert window.outside(cloud()) == 0
    assert window.outside(torch.tensor([[1.0, 1.0], [99.0, 0.0], [float("nan"), 0.0]])) == 2


def test_field_is_left_out_where_logits_are_no_numbers():
    broken = linear(torch.tensor([float("nan"), 0.0]))
    assert logit_field(broken, cloud(), cloud(), PlotWindow.of(cloud())) is None


def test_points_that_are_no_numbers_are_counted_and_left_out():
    lost = torch.full((8, 2), float("inf"))
    lost[::2] = float("nan")
    window = PlotWindow.of(cloud())
    assert window.outside(lost) == 8
    assert plot_points(lost, cloud(), window, "lost").size == (720, 720)
    assert plot_histogram(lost[:, :1], None, (0.0, 1.0), "lost").size == (720, 720)


def test_a_picture_keeps_no_figure_open():
    from matplotlib import pyplot

    plot_points(cloud(), None, PlotWindow.of(cloud()), "")
    assert pyplot.get_fignums() == []
