import pytest
import torch

from lightning_gans import ConfigError
from lightning_gans.augment import Color, Cutout, RandomTranslation, cutout, translation

ALL = [Color(), RandomTranslation(), Cutout()]


def images(n=64, channels=3, height=8, width=12):
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(0))


def uniforms(n, count):
    return torch.rand(n, count, generator=torch.Generator().manual_seed(1))


def test_color_follows_the_paper_s_formula():
    x, u = images(), uniforms(64, 3)
    for image, changed, (b, s, c) in zip(x, Color()(x, u), u, strict=True):
        image = image + (b - 0.5)
        image = (image - image.mean(0)) * (2 * s) + image.mean(0)
        image = (image - image.mean()) * (c + 0.5) + image.mean()
        torch.testing.assert_close(changed, image)


def test_translation_moves_every_image_as_a_whole():
    x, u = images(512) + 10, uniforms(512, 2)  # no zeros but those that move in
    moves = set()
    for image, moved, (down, right) in zip(x, translation(x, u), u, strict=True):
        dy, dx = int(down * 3) - 1, int(right * 5) - 2  # 8 / 8 = 1 pixel, 12 / 8 rounded = 2
        expected = torch.zeros_like(image)
        for row in range(8):
            for column in range(12):
                if 0 <= row - dy < 8 and 0 <= column - dx < 12:
                    expected[:, row, column] = image[:, row - dy, column - dx]
        assert torch.equal(moved, expected)
        moves.add((dy, dx))
    assert moves == {(dy, dx) for dy in (-1, 0, 1) for dx in (-2, -1, 0, 1, 2)}


@pytest.mark.parametrize("ratio", [0.5, 0.35, 1.0])
def test_cutout_cuts_one_square(ratio):
    x, u = torch.ones(512, 2, 8, 12), uniforms(512, 2)
    high, wide = int(8 * ratio + 0.5), int(12 * ratio + 0.5)
    largest = 0
    for image in cutout(x, u, ratio):
        assert torch.equal(image[0], image[1])
        rows, columns = (image[0] == 0).any(1), (image[0] == 0).any(0)
        assert torch.equal(image[0] == 0, rows[:, None] & columns)
        assert int(rows.sum()) <= high
        assert int(columns.sum()) <= wide
        for places in (rows, columns):
            assert int((places.int().diff() == 1).sum()) <= 1, "in one piece"
        largest = max(largest, int(rows.sum()))
    assert largest == min(high, 8)


@pytest.mark.parametrize("transform", ALL, ids=lambda each: type(each).__name__)
def test_derivatives_of_first_and_second_order(transform):
    x, u = images(2, 2, 4, 4).double().requires_grad_(), uniforms(2, transform.num_uniforms).double()

    def bent(x):
        return transform(x.tanh(), u).square()

    assert torch.autograd.gradcheck(bent, (x,))
    assert torch.autograd.gradgradcheck(bent, (x,))


@pytest.mark.parametrize("transform", ALL, ids=lambda each: type(each).__name__)
def test_each_image_depends_on_its_own_numbers_alone(transform):
    x, u = images(6), uniforms(6, transform.num_uniforms)
    torch.testing.assert_close(transform(x[2:4], u[2:4]), transform(x, u)[2:4])


def test_settings_are_checked():
    for kind in (RandomTranslation, Cutout):
        with pytest.raises(ConfigError, match=r"ratio=1\.5"):
            kind(1.5)
