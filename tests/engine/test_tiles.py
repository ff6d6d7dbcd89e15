"""An image in tiles is the whole image, and no tile is larger than it may be."""

import pytest
import torch
from torch import nn

from lightning_gans.engine.tiles import in_tiles
from lightning_gans.images import to_uint8

SCALE, REACH = 2, 4  # of three convolutions: 1 + 2 pixels of the source, and 1 of the enlarged


@pytest.fixture
def network():
    """Zero padding, whose border must be that of the image and of nothing inside it."""
    first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 5, padding=2)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Upsample(scale_factor=SCALE), nn.Conv2d(8, 1, 3, 1, 1))


@pytest.fixture
def source():
    return torch.rand(1, 3, 37, 50) * 2 - 1


def difference(made, whole):
    return (made.int() - to_uint8(whole)[0].int()).abs().max()


@torch.no_grad()
@pytest.mark.parametrize("tile", [5, 16, 64])
def test_equal_to_the_whole_with_enough_context(network, source, tile):
    network[-1].weight *= 20  # all levels are made use of
    whole = network(source)
    assert to_uint8(whole).float().std() > 20
    seen = []

    def watched(window):
        seen.append(window.shape[2:])
        return network(window)

    made = in_tiles(watched, source, scale=SCALE, tile=tile, overlap=REACH)
    assert made.shape == (1, 74, 100)
    assert difference(made, whole) <= 1
    assert max(max(sides) for sides in seen) <= min(tile + 2 * REACH, 50)
    assert len(seen) == -(-37 // tile) * -(-50 // tile)


@torch.no_grad()
def test_less_context_shows(network, source):
    network[-1].weight *= 20
    whole = network(source)
    assert difference(in_tiles(network, source, scale=SCALE, tile=16, overlap=REACH - 2), whole) > 1
