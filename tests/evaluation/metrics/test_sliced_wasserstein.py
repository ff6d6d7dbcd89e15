"""The sliced Wasserstein distance against closed forms, and its pyramid against one made pixel by pixel."""

import math

import pytest
import torch
from torch.utils.data import TensorDataset

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.evaluator import ExtraMetrics
from lightning_gans.evaluation.metrics import SlicedWasserstein
from lightning_gans.evaluation.metrics.functional import (
    laplacian_pyramid,
    sliced_wasserstein,
    sliced_wasserstein_by_level,
)
from lightning_gans.evaluation.sources import DatasetSource

TAPS = [1, 4, 6, 4, 1]


def textures(count, shape=(3, 32, 32), seed=0, low=0, high=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, *shape), dtype=torch.uint8, generator=generator)


def mirrored(index, size):
    return abs(index) if index < size else 2 * (size - 1) - index


def smaller(image):
    """Every second pixel of a picture (H, W), each the binomial mean of the 5 x 5 around it."""
    height, width = image.shape
    found = torch.zeros((height + 1) // 2, (width + 1) // 2, dtype=torch.float64)
    for y in range(0, height, 2):
        for x in range(0, width, 2):
            for i in range(5):
                for j in range(5):
                    at = image[mirrored(y + i - 2, height), mirrored(x + j - 2, width)]
                    found[y // 2, x // 2] += TAPS[i] * TAPS[j] * at / 256
    return found


def larger(image, height, width):
    """Each pixel the mean of those that were kept around it, by the same filter."""
    found = torch.zeros(height, width, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            for i in range(5):
                for j in range(5):
                    row, column = mirrored(y + i - 2, height), mirrored(x + j - 2, width)
                    if row % 2 == 0 and column % 2 == 0:
                        found[y, x] += 4 * TAPS[i] * TAPS[j] * image[row // 2, column // 2] / 256
    return found


def test_pyramid_against_one_made_pixel_by_pixel():
    image = torch.rand(31, 32, generator=torch.Generator().manual_seed(0))
    coarse = smaller(image.double())
    levels = [level[0, 0].double() for level in laplacian_pyramid(image[None, None])]
    assert [level.shape for level in levels] == [(31, 32), (16, 16)]
    torch.testing.assert_close(levels[1], coarse, atol=1e-6, rtol=0)
    torch.testing.assert_close(levels[0], image.double() - larger(coarse, 31, 32), atol=1e-6, rtol=0)


def test_one_dimension_is_the_mean_distance_of_the_sorted():
    x, y = (torch.randn(50, 1, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    expected = (x.flatten().sort().values - y.flatten().sort().values).abs().mean()
    assert float(sliced_wasserstein(x, y)) == pytest.approx(float(expected), rel=1e-5)
    assert float(sliced_wasserstein(x, x.flip(0))) == 0


@pytest.mark.parametrize("dim", [2, 3])
def test_a_shift_costs_its_mean_projection(dim):
    """|u . s| has the mean 2 / pi on the circle, and 1 / 2 on the sphere."""
    x = torch.randn(40, dim, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([3.0, 4.0, 0.0][:dim])
    expected = 5 * {2: 2 / math.pi, 3: 0.5}[dim]
    assert float(sliced_wasserstein(x, x + shift)) == pytest.approx(expected, rel=0.05)  # of 512 directions
    assert float(sliced_wasserstein(x, x + shift)) == float(sliced_wasserstein(x, x + shift)), "a fixed seed"
    assert float(sliced_wasserstein(x, x + shift, seed=1)) != float(sliced_wasserstein(x, x + shift))


def test_equal_sets_in_other_tones_are_at_zero():
    images = textures(6, low=0, high=100)
    by_level = sliced_wasserstein_by_level(images, images)
    assert by_level == {32: 0, 16: 0}
    tones = torch.tensor([1, 2, 1], dtype=torch.uint8).view(3, 1, 1)
    other = sliced_wasserstein_by_level(images, tones * images + 20)
    assert all(float(value) < 0.01 for value in other.values()), "each channel is brought to mean 0 and std 1"


def test_each_level_sees_its_own_scale():
    """The binomial filter lets nothing of a checkerboard through: it is in the first level alone."""
    images = textures(8, low=60, high=190)
    squares = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 100 - 50).expand(3, 32, 32)
    by_level = sliced_wasserstein_by_level(images, (images + squares).to(torch.uint8))
    assert float(by_level[32]) > 50
    assert float(by_level[16]) < 1e-3


def test_what_has_no_texture_has_no_rounding_blown_up():
    flat = torch.full((4, 3, 32, 32), 77, dtype=torch.uint8)
    assert sliced_wasserstein_by_level(flat, flat + 9) == {32: 0, 16: 0}


def test_patches_are_those_of_the_images():
    """Images all of whose 7 x 7 patches are of two columns: the distance is that of their two kinds of stripes."""
    stripes = torch.zeros(4, 1, 16, 16, dtype=torch.uint8)
    stripes[..., ::2] = 200
    assert float(sliced_wasserstein_by_level(stripes, stripes.roll(2, 3))[16]) == 0
    turned = sliced_wasserstein_by_level(stripes, stripes.transpose(2, 3).contiguous())[16]
    points = torch.stack([torch.tensor([1.0, -1.0]).repeat(4)[:7].repeat(7, 1).flatten() * sign for sign in (1, -1)])
    upright = points.view(2, 7, 7).transpose(1, 2).flatten(1)
    assert float(turned) == pytest.approx(1000 * float(sliced_wasserstein(points, upright)), rel=0.1)


def of(real, fake, **settings):
    metric = SlicedWasserstein(**settings)
    for part in real.split(5):
        metric.update(part, real=True)
    metric.update(fake, real=False)
    return {name: float(value) for name, value in metric.compute().items()}


def test_the_metric_is_the_mean_over_levels_of_equal_counts():
    real, fake = textures(12), textures(12, seed=3, high=180) // 2
    expected = {f"swd_{side}": float(value) for side, value in sliced_wasserstein_by_level(real, fake).items()}
    assert of(real, fake) == expected | {"swd": pytest.approx(sum(expected.values()) / 2)}
    assert of(real, fake[[0, 5, 11]]) == of(real[[0, 5, 11]], fake[[0, 5, 11]]), "spread over the larger set"
    assert of(real, fake, num_images=2) == of(real[[0, 11]], fake[[0, 11]])
    assert of(real, real) == {"swd": 0, "swd_32": 0, "swd_16": 0}


def test_the_evaluator_feeds_unpaired_images():
    real, fake = textures(9), textures(7, seed=1)
    metric = SlicedWasserstein()
    found = ExtraMetrics({"swd": metric}, 4).compute(*(DatasetSource(TensorDataset(part)) for part in (fake, real)))
    assert found == of(real, fake)
    assert metric.higher_is_better_by_name == dict.fromkeys(("swd", "swd_32", "swd_16"), False)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (textures(2, (3, 15, 40)), textures(2, (3, 15, 40)), r"real='uint8 \(2, 3, 15, 40\)'.*16 x 16"),
        (textures(2) / 255, textures(2), "real='float32"),
        (textures(2), textures(2, (1, 32, 32)), r"fake=\(2, 1, 32, 32\).*\(2, 3, 32, 32\)"),
        (textures(2), textures(0), "fake=.*needed"),
    ],
)
def test_images_of_another_kind_are_refused(real, fake, message):
    with pytest.raises(ConfigError, match=message):
        sliced_wasserstein_by_level(real, fake)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match="must be points as the first"):
        sliced_wasserstein(torch.zeros(2, 3), torch.zeros(3, 3))
    metric = SlicedWasserstein()
    metric.update(textures(2), real=True)
    with pytest.raises(ConfigError, match=r"fake=0.*no images yet"):
        metric.compute()
    with pytest.raises(ConfigError, match="num_images=0"):
        SlicedWasserstein(num_images=0)
