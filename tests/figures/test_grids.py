"""Figures of images: where each picture stands, and how large it is drawn."""

import torch

from lightning_gans import GAN
from lightning_gans.figures import grids
from lightning_gans.figures.grids import image_grid, interpolation, sample_figure, translation_figure
from lightning_gans.images import to_uint8
from lightning_gans.networks import MLPDiscriminator, MLPGenerator

DARK, LIGHT = torch.full((4, 1, 8, 8), -1.0), torch.full((4, 3, 8, 8), 1.0)


def test_panels_of_images_lie_beside_and_below():
    picture = sample_figure(DARK, DARK[:2], LIGHT)
    side = image_grid(DARK, 2).shape[-1]
    assert picture.width == 2 * side + grids._GAP
    assert picture.height == side + image_grid(DARK[:2], 2).shape[-2] + 2 * grids._CAPTION
    assert picture.getpixel((10, grids._CAPTION + 10)) == (0, 0, 0)  # generated
    assert picture.getpixel((10, side + 2 * grids._CAPTION + 10)) == (0, 0, 0)  # between two latents
    assert picture.getpixel((side + grids._GAP + 10, grids._CAPTION + 10)) == (255, 255, 255)  # real
    assert sample_figure(DARK, DARK[:2], None).width == side
    assert sample_figure(DARK, None, None).size == (side, side + grids._CAPTION)


def test_each_row_is_input_generated_and_target():
    """Sources of another size and number of channels are drawn as large as what is made of them."""
    source = torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 1, 4, 4)
    generated, target = torch.zeros(2, 3, 8, 8), LIGHT[:2]
    picture = translation_figure(source, generated, target)
    cell, column = 4 * 8, 4 * 8 + 4  # enlarged to 32, and a border of 2
    assert picture.size == (3 * column + 2 * grids._GAP, 2 * (cell + 2) + 2 + grids._CAPTION)
    middle = [2 + cell // 2 + i * (column + grids._GAP) for i in range(3)]
    rows = [grids._CAPTION + 2 + cell // 2 + i * (cell + 2) for i in range(2)]
    levels = [[picture.getpixel((x, y))[0] for x in middle] for y in rows]
    assert levels == [[0, 128, 255], [255, 128, 255]]
    assert translation_figure(source, generated, None).width == 2 * column + grids._GAP


def test_enlarged_pixels_are_whole():
    """Nothing is smoothed: each pixel of a small source becomes a square."""
    source = torch.rand(1, 1, 4, 4) * 2 - 1
    assert torch.equal(grids._resized(source, torch.Size((8, 8)))[:, :, ::2, ::2], source)
    drawn = image_grid(source, 1)[:, 2:-2, 2:-2]
    assert torch.equal(drawn[:1, ::8, ::8], to_uint8(source[0]))


def test_other_numbers_of_channels_show_the_first():
    images = torch.rand(3, 5, 40, 40) * 2 - 1
    assert torch.equal(image_grid(images, 2), image_grid(images[:, :1], 2))


def test_an_interpolation_ends_at_its_latents():
    torch.manual_seed(0)
    model = GAN(MLPGenerator(4, (1, 8, 8), (8,)), MLPDiscriminator((1, 8, 8), (8,)))
    five, two = interpolation(model, 5, seed=3), interpolation(model, 2, seed=3)
    assert five.shape == (5, 1, 8, 8)
    assert torch.allclose(five[[0, -1]], two, atol=1e-6)
    assert not torch.allclose(five, interpolation(model, 5, seed=4))
