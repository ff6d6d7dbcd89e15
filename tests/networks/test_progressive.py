"""Networks that grow: what a level is, and that nothing jumps between them."""

import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ConfigError
from lightning_gans.networks import ProgressiveDiscriminator, ProgressiveGenerator

SMALL = {"channel_base": 64, "max_channels": 8}


def generator(level=None, **kwargs):
    torch.manual_seed(0)
    network = ProgressiveGenerator((3, 32, 32), 6, **SMALL, **kwargs)
    if level is not None:
        network.grow(level)
    return network


def discriminator(level=None, **kwargs):
    torch.manual_seed(1)
    network = ProgressiveDiscriminator((3, 32, 32), **SMALL, **kwargs)
    if level is not None:
        network.grow(level)
    return network


def numbers(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def enlarged(images, factor=2):
    return images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


@pytest.mark.parametrize(("level", "side"), [(0, 4), (0.1, 8), (1, 8), (1.5, 16), (3, 32)])
def test_a_level_has_its_size_and_a_call_enlarges_to_all_pixels(level, side):
    made = generator(level).images(numbers(2, 6))
    assert made.shape == (2, 3, side, side)
    assert torch.equal(generator(level)(numbers(2, 6)), enlarged(made, 32 // side))
    assert discriminator(level)(numbers(4, 3, side, side)).shape == (4, 1)


def test_they_are_full_grown_unless_told_otherwise():
    assert torch.equal(generator()(numbers(2, 6)), generator(3).images(numbers(2, 6)))
    assert discriminator()(numbers(4, 3, 32, 32)).shape == (4, 1)


def test_a_quarter_of_the_way_new_layers_count_for_a_quarter():
    z = numbers(2, 6)
    before, between, after = (generator(level).images(z) for level in (1, 1.25, 2))
    torch.testing.assert_close(between, 0.75 * enlarged(before) + 0.25 * after)


def test_a_discriminator_fades_in_what_comes_after_its_first_block():
    """Of images that are enlarged ones it says at the beginning of a fade what it said before."""
    small = numbers(4, 3, 8, 8)
    before, beginning = discriminator(1)(small), discriminator(1 + 1e-6)(enlarged(small))
    torch.testing.assert_close(beginning, before, atol=1e-4, rtol=0)
    end, after = discriminator(2 - 1e-6)(enlarged(small)), discriminator(2)(enlarged(small))
    torch.testing.assert_close(end, after, atol=1e-4, rtol=0)
    assert not torch.allclose(end, before, atol=1e-2)


def test_real_images_are_faded_in_as_generated_ones_are():
    x = numbers(2, 3, 32, 32)
    before, between, after = (generator(level).shown(x) for level in (2, 2.25, 3))
    torch.testing.assert_close(before, F.avg_pool2d(x, 2))
    assert torch.equal(after, x)
    torch.testing.assert_close(between, 0.75 * enlarged(before) + 0.25 * x)
    torch.testing.assert_close(generator(0).shown(x), x.unflatten(3, (4, 8)).unflatten(2, (4, 8)).mean((3, 5)))


def test_what_a_level_does_not_use_has_a_gradient_of_zero():
    network = generator(1)
    (network.images(numbers(2, 6)).sum() + network.unused()).backward()
    idle = [p for block in (*network.blocks[2:], *network.to_colors[2:]) for p in block.parameters()]
    assert all(not p.grad.any() for p in idle)
    assert all(p.grad.any() for p in network.blocks[:2].parameters())


@pytest.mark.parametrize("level", [0, 1.5, 3])
def test_labels_are_seen_by_both(level):
    z, labels = numbers(4, 6), torch.tensor([0, 1, 2, 0])
    images = generator(level, num_classes=3).images(z, labels)
    assert not torch.equal(images, generator(level, num_classes=3).images(z, labels.roll(1)))
    critic = discriminator(level, num_classes=3)
    assert not torch.equal(critic(images, labels), critic(images, labels.roll(1)))


def test_variances_are_kept_whatever_the_width():
    """Equalized rates: maps of unit size at every resolution, at the beginning."""
    torch.manual_seed(0)
    network = ProgressiveGenerator((3, 32, 32), 64, channel_base=2048, max_channels=64)
    for level in range(4):
        network.grow(level)
        assert float(network.images(numbers(64, 64)).detach().std()) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 32, 16), None])
def test_other_sizes_are_refused(shape):
    for kind in (ProgressiveGenerator, ProgressiveDiscriminator):
        with pytest.raises(ConfigError, match="image_shape"):
            kind(shape)


def test_images_of_another_size_are_named():
    with pytest.raises(ConfigError, match=r"image_shape=\(3, 32, 32\): the images have \(3, 64, 64\)"):
        generator().shown(numbers(1, 3, 64, 64))
