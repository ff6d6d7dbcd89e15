"""The changes of adaptive augmentation: none at p = 0, all at p = 1, and what each of them is."""

import math

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ConfigError
from lightning_gans.augment import Blit, ColorMatrix, Geometry, RandomCutout, color_matrix, warp
from lightning_gans.augment.warp import SYM6

ALL = [Blit(), Geometry(), ColorMatrix(), RandomCutout()]
each = pytest.mark.parametrize("transform", ALL, ids=lambda one: type(one).__name__)
ONE, NONE = torch.tensor(1.0), torch.tensor(0.0)


def seeded(distribution, *shape, seed=0):
    return distribution(*shape, generator=torch.Generator().manual_seed(seed))


def uniforms(n, transform):
    return seeded(torch.rand, n, transform.num_uniforms, seed=1)


def smooth(n=4, side=32):
    """Images without the higher half of frequencies."""
    return F.interpolate(seeded(torch.randn, n, 3, 5, 5), (side, side), mode="bicubic", align_corners=True)


def turn(angle, n=4):
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, -sin], [sin, cos]]).expand(n, 2, 2)


@each
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 12), (3, 5, 3)])
def test_at_0_every_image_is_bit_identical_and_at_1_none_is(transform, shape):
    x, u = seeded(torch.randn, 64, *shape), uniforms(64, transform)
    assert torch.equal(transform(x, u, NONE), x)
    assert not (transform(x, u, ONE) == x).flatten(1).all(1).float().mean() > 0.25  # flips and turns may be by nothing


@each
def test_each_kind_of_change_happens_with_probability_p_by_itself(transform):
    x, u = seeded(torch.randn, 4096, 3, 8, 8), uniforms(4096, transform)
    changed = (transform(x, u, torch.tensor(0.1)) != x).flatten(1).any(1).float().mean()
    chances = {
        Blit: 1 - 0.95 * (1 - 0.1 * 3 / 4) ** 2,  # flip; one turn of four, and one move of four, is by nothing
        Geometry: 1 - 0.9**4,  # scale, one turn or both, stretch, move
        ColorMatrix: 1 - 0.9**4 * 0.95,
        RandomCutout: 0.1,
    }
    assert float(changed) == pytest.approx(chances[type(transform)], abs=0.015)


@each
def test_derivatives_of_first_and_second_order(transform):
    """R1 differentiates D(T(x)) by x, and then by D's weights."""
    x, u = seeded(torch.randn, 2, 3, 4, 4).double().requires_grad_(), uniforms(2, transform).double()

    def bent(x):
        return transform(x.tanh(), u, ONE.double()).square()

    assert torch.autograd.gradcheck(bent, (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(bent, (x,), fast_mode=True)


@each
def test_each_image_depends_on_its_own_numbers_alone(transform):
    x, u = seeded(torch.randn, 6, 3, 8, 8), uniforms(6, transform)
    torch.testing.assert_close(transform(x[2:4], u[2:4], ONE), transform(x, u, ONE)[2:4])


def test_a_blitted_image_is_one_of_the_eight_moved_by_whole_pixels():
    """Beyond the border is a reflection: the crop of a padded one of the eight."""
    x, seen = seeded(torch.randn, 256, 1, 8, 8), set()
    for image, blitted in zip(x, Blit(0.25)(x, uniforms(256, Blit()), ONE), strict=True):
        found = [
            (quarters, flip, down, right)
            for quarters in range(4)
            for flip in (False, True)
            for padded in (F.pad(torch.rot90(image.flip(2) if flip else image, quarters, (1, 2)), [2] * 4, "reflect"),)
            for down in range(5)
            for right in range(5)
            if torch.equal(padded[:, down : down + 8, right : right + 8], blitted)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert {one[:2] for one in seen} == {(quarters, flip) for quarters in range(4) for flip in (False, True)}
    assert {one[2:] for one in seen} == {(down, right) for down in range(5) for right in range(5)}


def test_the_wavelet_is_orthonormal_and_blind_to_fifth_powers_at_the_highest_frequency():
    taps, place = torch.tensor(SYM6, dtype=torch.float64), torch.arange(12.0, dtype=torch.float64)
    for shift in range(0, 12, 2):
        assert float(taps[shift:] @ taps[: 12 - shift]) == pytest.approx(float(shift == 0), abs=1e-9)
    for power in range(6):
        assert float((taps * (-1) ** place) @ (place / 11) ** power) == pytest.approx(0, abs=1e-9)
    assert float(taps.sum()) == pytest.approx(math.sqrt(2))


def test_a_warp_by_nothing_leaves_images_as_they_are():
    """Noise too, and up to the border: what the filter enlarges it makes smaller again."""
    x = seeded(torch.randn, 4, 3, 32, 20)
    torch.testing.assert_close(warp(x, turn(0), torch.zeros(4, 2)), x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turn_by_90_degrees_is_that_of_pixels(quarters):
    """The image shows at each place what was at another one: a turn to the right by A is one to the left."""
    x = smooth()
    turned = warp(x, turn(quarters * math.pi / 2), torch.zeros(4, 2))
    difference = (turned - torch.rot90(x, quarters, (2, 3)))[..., 4:-4, 4:-4]
    assert float(difference.abs().max()) < 0.01 * float(x.abs().max())


def test_a_turn_and_back_is_none_inside_and_nothing_moves_from_the_middle():
    x = smooth()
    there = warp(x, turn(0.4), torch.zeros(4, 2))
    back = warp(there, turn(-0.4), torch.zeros(4, 2))[..., 8:-8, 8:-8]
    assert float((back - x[..., 8:-8, 8:-8]).abs().max()) < 0.01 * float(x.abs().max())
    assert float((there - x)[..., 15:17, 15:17].abs().max()) < 0.2 * float(x.abs().max())
    assert float((there - x).abs().max()) > 0.5 * float(x.abs().max())


def test_what_is_made_smaller_does_not_alias():
    """Stripes that are too fine then become gray; read off without a filter they would be other stripes."""
    stripes = torch.tensor([1.0, -1.0]).repeat(16).expand(1, 1, 32, 32)
    smaller = warp(stripes, 1.5 * torch.eye(2)[None], torch.tensor([[0.5, 0.0]]))
    grid = F.affine_grid(1.5 * torch.eye(2, 3)[None], (1, 1, 32, 32), align_corners=False)
    read = F.grid_sample(stripes, grid, align_corners=False)
    inside = (..., slice(12, 20), slice(12, 20))
    assert float(smaller[inside].abs().max()) < 0.15 < 0.4 < float(read[inside].abs().max())


def test_moves_are_of_the_image_s_content():
    """To the right and down, by shares of the sides."""
    u = torch.full((1, Geometry.num_uniforms), 0.9999999)
    u[0, -3:] = torch.tensor([0.0, 0.8413447, 0.5])  # it happens; one standard deviation to the right, none down
    slope = torch.arange(64.0).expand(1, 1, 32, 64)
    moved = Geometry(move=1 / 16)(slope, u, torch.tensor(0.5))
    torch.testing.assert_close(moved[..., 8:60], slope[..., 8:60] - 4, atol=0.02, rtol=0)


def test_color_matrices_are_the_paper_s_product():
    """Householder, rotation about and scaling around the gray axis, times contrast, whatever their order."""
    axis = torch.full((3,), 1 / math.sqrt(3), dtype=torch.float64)
    gray, angle, scale, contrast = torch.outer(axis, axis), 0.7, 1.6, 0.8
    hue = torch.matrix_exp(angle * torch.linalg.cross(axis.expand(3, 3), torch.eye(3, dtype=torch.float64)).T)
    flip = torch.eye(3, dtype=torch.float64) - 2 * gray
    saturation = gray + (torch.eye(3, dtype=torch.float64) - gray) * scale
    numbers = (torch.tensor([x], dtype=torch.float64) for x in (-contrast, contrast * scale, angle))
    ours = color_matrix(*numbers)[0]
    torch.testing.assert_close(ours, saturation @ hue @ flip * contrast)
    torch.testing.assert_close(ours, contrast * flip @ hue @ saturation)


def test_gray_images_change_as_gray_ones_in_color_do():
    x, u = seeded(torch.randn, 64, 1, 4, 4), uniforms(64, ColorMatrix())
    in_color = ColorMatrix()(x.expand(64, 3, 4, 4), u, ONE)
    torch.testing.assert_close(ColorMatrix()(x, u, ONE).expand_as(in_color), in_color, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        (Blit, {"ratio": 1.5}, r"ratio=1\.5"),
        (Geometry, {"octaves": -1.0}, r"octaves=-1\.0"),
        (ColorMatrix, {"saturation": -0.5}, r"saturation=-0\.5"),
        (ColorMatrix, {"share": 2.0}, r"share=2\.0"),
        (RandomCutout, {"ratio": 1.5}, r"ratio=1\.5"),
    ],
)
def test_settings_are_checked(kind, settings, named):
    with pytest.raises(ConfigError, match=named):
        kind(**settings)


def test_colors_may_change_with_a_share_of_the_probability():
    x, u = seeded(torch.randn, 512, 3, 4, 4), uniforms(512, ColorMatrix())
    half = ColorMatrix(share=0.5)(x, u, torch.tensor(0.6))
    assert torch.equal(half, ColorMatrix()(x, u, torch.tensor(0.3)))
    assert not torch.equal(half, ColorMatrix()(x, u, torch.tensor(0.6)))


def test_two_channels_have_no_color():
    with pytest.raises(ConfigError, match="augment='ColorMatrix': changes images of 1 or 3 channels, and these have 2"):
        ColorMatrix()(torch.zeros(1, 2, 4, 4), torch.zeros(1, 9), ONE)
