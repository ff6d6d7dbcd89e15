"""Figures of restoration, against pictures whose figures are known beforehand."""

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d, pad

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import HoleQuality, RestorationQuality
from lightning_gans.evaluation.metrics.functional import mean_laplacian, to_luma
from lightning_gans.evaluation.metrics.functional.restoration import MAX_PSNR


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def restored(preds, target, border=0):
    metric = RestorationQuality(border)
    metric.update(preds, target)
    return {name: float(value) for name, value in metric.compute().items()}


def completed(*batches):
    metric = HoleQuality()
    for batch in batches:
        metric.update(*batch)
    return {name: float(value) for name, value in metric.compute().items()}


def hole(side=16, top=4, bottom=12):
    mask = torch.zeros(1, 1, side, side)
    mask[..., top:bottom, top:bottom] = 1
    return mask


def test_luma_is_that_of_matlab():
    colors = {  # rgb2ycbcr of doubles, times 255
        (0, 0, 0): 16,
        (1, 1, 1): 235,
        (1, 0, 0): 81.481,
        (0, 1, 0): 144.553,
        (0, 0, 1): 40.966,
        (0.5, 0.25, 0.75): 16 + 32.7405 + 32.13825 + 18.7245,
    }
    images = torch.tensor([*colors], dtype=torch.float64)[:, :, None, None]
    torch.testing.assert_close(to_luma(images).flatten(), torch.tensor([*colors.values()], dtype=torch.float64))
    gray = noise(2, 1, 4, 4)
    torch.testing.assert_close(to_luma(gray), to_luma(gray.expand(-1, 3, -1, -1)))
    with pytest.raises(ConfigError, match=r"images=\(2, 2, 4, 4\)"):
        to_luma(torch.zeros(2, 2, 4, 4))


def test_luma_is_that_of_scikit_image():
    color = pytest.importorskip("skimage.color")
    image = noise(1, 3, 9, 7).double()
    expected = color.rgb2ycbcr(image[0].permute(1, 2, 0).numpy())[..., 0]
    torch.testing.assert_close(to_luma(image)[0, 0], torch.from_numpy(expected))


@pytest.mark.parametrize("channels", [1, 3])
def test_what_equals_its_target_is_perfect(channels):
    same = noise(2, channels, 20, 24)
    same[0, :, 8:12] = 1
    found = restored(same, same, border=2)
    assert found["psnr_y"] == found["psnr"] == pytest.approx(MAX_PSNR)
    assert (found["ssim_y"], found["ssim"]) == (pytest.approx(1), pytest.approx(1))
    assert (found["sharpness"], found["white_error"]) == (1, 0)
    assert completed((same[:1, :, :16, :16], same[:1, :, :16, :16], hole())) == {
        "hole_l1": 0,
        "hole_l2": 0,
        "hole_psnr": MAX_PSNR,
    }


def test_a_constant_shift_in_closed_form():
    target = 0.1 + 0.5 * noise(2, 3, 16, 16)
    found = restored(target + 0.1, target)
    assert found["psnr"] == pytest.approx(20, abs=1e-3)
    assert found["psnr_y"] == pytest.approx(20 * math.log10(255 / 21.9), abs=1e-3), "of 219 levels of luma"
    assert found["sharpness"] == pytest.approx(1, abs=1e-4), "a Laplacian sees no constant"
    assert "white_error" not in found, "the target has no white"


def test_figures_are_means_over_images_and_not_of_the_pooled_error():
    target = torch.full((2, 3, 16, 16), 0.5)
    preds = target + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)  # errors of 20 and 40 dB; pooled: 22.97
    assert restored(preds, target)["psnr"] == pytest.approx(30, abs=1e-3)
    whole = torch.ones(2, 1, 16, 16)
    assert completed((preds, target, whole))["hole_psnr"] == pytest.approx(30, abs=1e-3)
    apart = RestorationQuality(0)
    for one, other in zip(preds.split(1), target.split(1), strict=True):
        apart.update(one, other)
    assert float(apart.compute()["psnr"]) == pytest.approx(30, abs=1e-3)


def test_structural_similarity_is_that_of_the_paper():
    """A constant patch against another: the first factor, (2 a b + C1) / (a^2 + b^2 + C1), with C1 = (0.01 L)^2."""
    a, b = 0.02, 0.04
    found = restored(torch.full((1, 3, 11, 11), a), torch.full((1, 3, 11, 11), b))
    assert found["ssim"] == pytest.approx((2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4), abs=1e-4)
    y, z = 16 + 219 * a, 16 + 219 * b
    assert found["ssim_y"] == pytest.approx((2 * y * z + 2.55**2) / (y**2 + z**2 + 2.55**2), abs=1e-4)
    assert "sharpness" not in found, "the target has no edge"


def test_blur_and_noise_are_seen_by_the_sharpness():
    target = noise(2, 3, 32, 32)
    blurred = avg_pool2d(pad(target, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    assert restored(blurred, target)["sharpness"] < 0.5
    smooth = avg_pool2d(target, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert restored((smooth + 0.2 * noise(2, 3, 32, 32, seed=1)).clamp(0, 1), smooth)["sharpness"] > 1
    checkers = (torch.arange(6)[:, None] + torch.arange(6)).remainder(2).float()
    assert float(mean_laplacian(checkers[None, None])) == 4


def test_the_border_does_not_count():
    target = noise(1, 3, 19, 23)
    target[..., 8:10, 8:10] = target[..., :1, :] = 1  # white inside and in the border
    inside = (target + 0.1 * noise(1, 3, 19, 23, seed=1)).clamp(0, 1)
    ruined = inside.clone()
    ruined[..., :4, :] = ruined[..., -4:, :] = ruined[..., :4] = ruined[..., -4:] = 0
    assert restored(ruined, target, border=4) == restored(inside, target, border=4)
    assert restored(ruined, target, border=3)["psnr"] < restored(inside, target, border=3)["psnr"]


def test_white_is_counted_in_levels():
    target, preds = torch.full((2, 3, 12, 12), 0.9), torch.zeros(2, 3, 12, 12)
    target[0, :, :5] = preds[0, :, :5] = 1
    target[1, :2] = 1  # yellow is not white
    preds[0, 0, 0] -= 3 / 255  # in one channel of 12 of 60 pixels
    assert restored(preds, target)["white_error"] == pytest.approx(3 / 3 * 12 / 60, abs=1e-4)


def test_holes_are_measured_where_they_are():
    target, mask = 0.5 * noise(1, 3, 16, 16), hole()
    preds = target + mask * 0.2 - (1 - mask) * 0.4
    found = completed((preds, target, mask))
    assert found == {
        "hole_l1": pytest.approx(20, abs=1e-3),
        "hole_l2": pytest.approx(4, abs=1e-3),
        "hole_psnr": pytest.approx(-20 * math.log10(0.2), abs=1e-3),
    }
    half = target + hole(bottom=8) * 0.2  # a quarter of the hole
    assert completed((half, target, mask))["hole_l1"] == pytest.approx(5, abs=1e-3)


def test_a_hole_of_any_size_is_one_image_and_none_is_no_image():
    target = torch.full((1, 3, 16, 16), 0.5)
    large, small, none = (target + 0.1, target, hole()), (target + 0.3, target, hole(bottom=5)), hole(top=12, bottom=12)
    assert completed(large, small)["hole_l1"] == pytest.approx(20, abs=1e-3)
    assert completed(large, (target + 1, target, none)) == completed(large)
    assert completed((target, target, none)) == {}


def test_batches_add_up():
    preds, target = noise(5, 3, 16, 16), noise(5, 3, 16, 16, seed=1)
    metric = RestorationQuality(2)
    for part in (slice(0, 2), slice(2, 5)):
        metric.update(preds[part], target[part])
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(restored(preds, target, 2))
    metric.reset()
    metric.update(target, target)
    assert float(metric.compute()["psnr"]) == pytest.approx(MAX_PSNR)
    ways = metric.higher_is_better_by_name | HoleQuality().higher_is_better_by_name
    assert [name for name, higher in ways.items() if higher] == ["psnr_y", "ssim_y", "psnr", "ssim", "hole_psnr"]
    assert ways["sharpness"] is None


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (lambda: RestorationQuality(-1), "border=-1"),
        (lambda: restored(noise(1, 3, 16, 16), noise(1, 3, 15, 16)), r"preds=\(1, 3, 16, 16\)"),
        (lambda: restored(*2 * [noise(1, 3, 16, 16)], border=3), r"images=\(1, 1, 10, 10\).*11 x 11"),
        (lambda: completed((*2 * [noise(1, 3, 16, 16)], hole(8))), r"mask=\(1, 1, 8, 8\)"),
        (lambda: completed((*2 * [noise(1, 3, 16, 16)], 0.5 * hole())), "mask='numbers between"),
    ],
)
def test_what_cannot_be_compared_is_refused(update, message):
    with pytest.raises(ConfigError, match=message):
        update()
