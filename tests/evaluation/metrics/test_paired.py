"""Figures of pairs, against pictures whose figures are known beforehand."""

import colorsys
import math

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import (
    FillFrechet,
    HueEntropy,
    HueTotalVariation,
    MeanPSNR,
    hue_metrics,
    paired_metrics,
)
from lightning_gans.evaluation.metrics.functional import (
    frechet_distance,
    histogram_entropy,
    histogram_total_variation,
    hue_and_chroma,
    hue_histogram,
)


def painted(*hues, saturation=1.0, value=1.0):
    """A picture of 8 x 8 pixels with as many stripes of equal width as there are hues."""
    colors = torch.tensor([colorsys.hsv_to_rgb(hue, saturation, value) for hue in hues])
    return colors.repeat_interleave(8 // len(hues), 0).T[None, :, None].expand(1, 3, 8, 8).contiguous()


def drawing(white=1.0):
    return torch.full((1, 1, 8, 8), white)


def of_hues(preds, target, source=None):
    metrics = hue_metrics()
    for metric in metrics.values():
        metric.update(preds, target, drawing() if source is None else source)
    return {name: float(metric.compute()) for name, metric in metrics.items() if name.startswith("hue_")}


def test_hue_and_chroma_are_those_of_the_hsv_model():
    pixels = torch.rand(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hue, chroma = hue_and_chroma(pixels[:, :, None, None])
    for pixel, h, c in zip(pixels.tolist(), hue.flatten().tolist(), chroma.flatten().tolist(), strict=True):
        expected, saturation, value = colorsys.rgb_to_hsv(*pixel)
        assert (h, c) == (pytest.approx(expected), pytest.approx(saturation * value))
    gray = hue_and_chroma(torch.full((1, 3, 1, 1), 0.5))
    assert [float(part) for part in gray] == [0, 0]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_as_many_colors_of_equal_share_have_the_logarithm_of_their_number_as_entropy(count):
    hues = [(index + 0.5) / 12 for index in range(count)]
    assert float(histogram_entropy(hue_histogram(painted(*hues), drawing()))) == pytest.approx(math.log2(count))


def test_twelve_bins_of_thirty_degrees_from_red():
    counts = [hue_histogram(painted((index + 0.5) / 12), drawing()) for index in range(12)]
    assert torch.equal(torch.stack(counts), 64 * torch.eye(12, dtype=torch.int64))
    assert hue_histogram(painted(0.0), drawing())[0] == 64


def test_entropy_of_the_pictures_and_of_their_targets():
    found = of_hues(painted(0.05), painted(0.05, 0.3, 0.55, 0.8))
    assert found == {"hue_entropy": 0, "hue_entropy_target": 2, "hue_tv": pytest.approx(0.75)}


def test_total_variation_is_zero_for_the_same_shares_wherever_they_lie():
    assert of_hues(painted(0.3, 0.05), painted(0.05, 0.3))["hue_tv"] == 0
    assert of_hues(painted(0.3), painted(0.05))["hue_tv"] == 1
    assert of_hues(painted(0.05, 0.3), painted(0.05))["hue_tv"] == pytest.approx(0.5)


def test_copying_the_drawing_has_no_colors():
    assert of_hues(torch.ones(1, 3, 8, 8), painted(0.05, 0.3)) == {
        "hue_entropy": 0,
        "hue_entropy_target": 1,
        "hue_tv": pytest.approx(0.5),
    }


def test_lines_and_pale_pixels_do_not_count():
    half_drawn = drawing()
    half_drawn[..., 4:] = 0.2  # the second stripe is a black line
    assert of_hues(painted(0.05, 0.3), painted(0.05, 0.3), half_drawn)["hue_entropy"] == 0
    assert int(hue_histogram(painted(0.05, 0.3), half_drawn).sum()) == 32
    assert int(hue_histogram(painted(0.05, saturation=0.14), drawing()).sum()) == 0
    assert int(hue_histogram(painted(0.05, saturation=0.16), drawing()).sum()) == 64
    assert int(hue_histogram(painted(0.05, value=0.14), drawing()).sum()) == 0, "chroma is saturation times value"
    assert int(hue_histogram(painted(0.05), drawing(0.89)).sum()) == 0
    colored_line = torch.cat([drawing(), drawing(), drawing(0.5)], 1)
    assert int(hue_histogram(painted(0.05), colored_line).sum()) == 0, "white in all channels"


def test_batches_add_up():
    metric, other = HueTotalVariation(), HueTotalVariation()
    pairs = [(painted(0.05), painted(0.3)), (painted(0.3, 0.6), painted(0.6))]
    for preds, target in pairs:
        metric.update(preds, target, drawing())
    preds, target = (torch.cat(part) for part in zip(*pairs, strict=True))
    other.update(preds, target, drawing().expand(2, -1, -1, -1))
    assert float(metric.compute()) == float(other.compute()) == 0.5
    metric.reset()
    metric.update(painted(0.05), painted(0.05), drawing())
    assert float(metric.compute()) == 0


def test_shares_without_counts():
    nothing, something = torch.zeros(3, dtype=torch.int64), torch.tensor([0, 4, 4])
    assert float(histogram_total_variation(nothing, nothing)) == 0
    assert float(histogram_total_variation(nothing, something)) == 0.5
    assert float(histogram_entropy(nothing)) == 0


def fill_frechet(preds, target, source=None):
    metric = FillFrechet()
    for pair in zip(preds, target, strict=True):
        metric.update(*pair, drawing() if source is None else source)
    return float(metric.compute())


def test_frechet_distance_of_fills_is_that_of_the_mean_colors():
    target = [painted(0, 1 / 3), painted(1 / 3), painted(2 / 3)]  # half red, half green; green; blue
    points = torch.tensor([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]])
    preds = [target[1], target[2], target[2]]
    expected = frechet_distance(points, points[[1, 2, 2]])
    assert fill_frechet(preds, target) == pytest.approx(float(expected))
    assert fill_frechet(target, target) == pytest.approx(0, abs=1e-6)
    assert fill_frechet([target[2], target[0], target[1]], target) == pytest.approx(0, abs=1e-6), "of the set"
    assert fill_frechet([0.5 * part for part in target], target) > 0.1, "hues are the same"


def test_fills_are_where_the_target_is_colored_and_the_drawing_white():
    half_drawn = drawing()
    half_drawn[..., 4:] = 0.2
    target = [painted(0, 1 / 3), painted(1 / 3, 0)]
    elsewhere = [part.clone() for part in target]
    for part in elsewhere:
        part[..., 4:] = 0.5  # on the line
    assert fill_frechet(elsewhere, target, half_drawn) == pytest.approx(0, abs=1e-6)
    white = [torch.ones(1, 3, 8, 8)] * 2
    points = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    copying = (points.mean(0) - 1).square().sum() + points.var(0).sum()  # from a single point, white
    assert fill_frechet(white, target, half_drawn) == pytest.approx(float(copying), abs=1e-6)
    for uncolored in (white, [*white, painted(0.3)]):
        assert math.isnan(fill_frechet(uncolored, uncolored)), "fewer than two points have no variance"


@pytest.mark.parametrize(
    ("preds", "source", "message"),
    [
        (torch.zeros(1, 1, 8, 8), drawing(), r"preds=\(1, 1, 8, 8\).*RGB"),
        (painted(0.1), torch.ones(1, 1, 4, 4), r"source=\(1, 1, 4, 4\)"),
        (painted(0.1) * 2 - 1, drawing(), r"preds='float32 in \[-1, 1\].*floats in \[0, 1\]"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), drawing(), "preds='uint8 in"),
        (painted(0.1), -drawing(), r"source='float32 in \[-1, -1\]"),
    ],
)
def test_images_of_another_kind_are_refused(preds, source, message):
    with pytest.raises(ConfigError, match=message):
        HueEntropy().update(preds, painted(0.1), source)


def test_psnr_and_ssim_are_means_over_images():
    near, far = torch.full((1, 3, 16, 16), 0.1), torch.full((1, 3, 16, 16), 0.01)  # errors of 20 and 40 dB
    target, metrics = torch.full((2, 3, 16, 16), 0.5), paired_metrics()
    for metric in metrics.values():
        metric.update(target + torch.cat([near, far]), target)
    assert float(metrics["psnr"].compute()) == pytest.approx(30, abs=1e-4)  # of the mean squared error it were 23
    assert float(metrics["l1"].compute()) == pytest.approx(0.055)
    single = [paired_metrics()["ssim"] for _ in range(2)]
    for metric, error in zip(single, (near, far), strict=True):
        metric.update(target[:1] + error, target[:1])
    assert float(metrics["ssim"].compute()) == pytest.approx(sum(float(m.compute()) for m in single) / 2)


def test_images_that_equal_their_targets_are_as_near_as_rounding_allows():
    same, metric = torch.rand(2, 3, 16, 16), MeanPSNR()
    metric.update(same, same)
    assert float(metric.compute()) == pytest.approx(10 * math.log10(12 * 255**2))
    rounded = (same * 255).round() / 255
    error = float((rounded - same).square().mean())
    assert -10 * math.log10(error) == pytest.approx(float(metric.compute()), abs=0.5)
    metric.reset()
    metric.update(torch.cat([same, same]), torch.cat([same, same + 0.1]))
    assert float(metric.compute()) == pytest.approx((10 * math.log10(12 * 255**2) + 20) / 2, abs=1e-3)


def test_which_way_is_better():
    ways = {name: metric.higher_is_better for name, metric in (paired_metrics() | hue_metrics()).items()}
    assert ways == {
        "l1": False,
        "psnr": True,
        "ssim": True,
        "hue_entropy": None,
        "hue_entropy_target": None,
        "hue_tv": False,
        "fill_frechet": False,
    }
