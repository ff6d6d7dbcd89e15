"""Small images made from large ones: as Pillow makes them, degraded in an order that is drawn, in windows of files."""

import importlib.util
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

import lightning_gans.data.degraded
import lightning_gans.data.folder
from lightning_gans.data import (
    CIFAR10,
    JPEG,
    Blur,
    DegradedCIFAR10,
    DegradedEmoji,
    DegradedImages,
    Emoji,
    Noise,
    Photographs,
    shrink_bicubic,
)
from lightning_gans.data.degradations import SCALES, Degradation, Degrade
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.images import from_uint8, to_uint8
from tests.data.files import save, write_cifar

ALL = (Blur(), Noise(), JPEG())


def smooth(count=2, side=64):
    """Color gradients, as photographs have them, in [-0.8, 0.8]."""
    x, y = torch.meshgrid(torch.linspace(-0.8, 0.8, side), torch.linspace(-0.8, 0.8, side), indexing="ij")
    return torch.stack([x, y, x * y]).expand(count, -1, -1, -1)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("scale", SCALES)
def test_shrinking_is_that_of_pillow_within_a_level(scale):
    noise = torch.randint(0, 256, (2, 3, 48, 96), dtype=torch.uint8)
    drawings = Emoji().test_dataset.images[:20, :, :48, :48]  # edges, beside which bicubic overshoots
    for images in (noise, drawings, drawings[:, :1]):
        small = to_uint8(shrink_bicubic(from_uint8(images), scale))
        for image, found in zip(images, small, strict=True):
            size = (images.shape[3] // scale, images.shape[2] // scale)
            picture = Image.fromarray(image.permute(1, 2, 0).squeeze(2).numpy())
            expected = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), dtype=int).reshape(*size[::-1], -1)
            assert np.abs(found.permute(1, 2, 0).numpy() - expected).max() <= 1


@pytest.mark.parametrize("degradations", [pytest.param((), marks=pytest.mark.slow), ALL], ids=["bicubic", "degraded"])
def test_items_are_a_function_of_seed_and_row(degradations):
    def batches(epoch, seed=0, **kwargs):
        data = DegradedEmoji(image_size=32, degradations=degradations, flip=True, batch_size=40, seed=seed, **kwargs)
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)
        return list(islice(loader, 2))

    first = batches(0)
    assert {name: tuple(part.shape[1:]) for name, part in first[0].items()} == {
        "image": (3, 32, 32),
        "source": (3, 8, 8),
    }
    assert all(map(equal, first, batches(0, num_workers=2)))
    data = DegradedEmoji(image_size=32, degradations=degradations, flip=True)
    train = data.train_dataset
    whole = train.training_items(range(5), 0)
    alone = train.training_items([3], 0)
    assert equal({name: part[3:4] for name, part in whole.items()}, alone)  # whatever stands beside it
    others = [train.training_items(range(len(train), len(train) + 5), 0), train.training_items(range(5), 1)]
    assert not any(equal(whole, other) for other in others)
    again = DegradedEmoji(image_size=32, degradations=degradations, seed=5)
    assert equal(data.test_dataset.__getitems__([3, 7]), again.test_dataset.__getitems__([3, 7]))
    if not degradations:  # of the image as it was augmented
        assert torch.equal(first[0]["source"], shrink_bicubic(first[0]["image"], 4))


def test_what_is_held_out_is_measured_and_identified():
    data = DegradedEmoji(image_size=32)
    assert data.reference_dataset is data.test_dataset
    assert (len(data.train_dataset), len(data.test_dataset), data.num_classes) == (1943, 243, None)
    known = {data.fingerprint()}
    for other in ({"scale": 2}, {"degradations": [Noise()]}, {"degradations": [Noise(3)]}, {"style": "noto"}):
        known.add(DegradedEmoji(image_size=32, **other).fingerprint())
    assert len(known) == 5
    assert DegradedEmoji(image_size=32, degradations=[Noise(3)]).fingerprint() in known


def test_photographs_of_cifar(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    data = DegradedCIFAR10(str(tmp_path), flip=True, batch_size=5)
    (batch, *_) = data.train_dataloader()
    assert (tuple(batch["image"].shape), tuple(batch["source"].shape)) == ((5, 3, 32, 32), (5, 3, 8, 8))
    images, _ = CIFAR10(str(tmp_path)).test_dataset.__getitems__(range(5))
    assert torch.equal(data.test_dataset.__getitems__(range(5))["image"], images)


def test_a_degradation_does_what_it_says():
    generator = torch.Generator().manual_seed(0)
    gray, image = torch.zeros(1, 3, 64, 64), smooth(1)
    assert (JPEG(100, 100)(image, generator) - image).abs().mean() * 127.5 < 1
    worse = [(JPEG(quality, quality)(image, generator) - image).abs().mean() for quality in (90, 30, 5)]
    assert worse == sorted(worse)
    assert JPEG()(gray[:, :1], generator).shape == (1, 1, 64, 64)
    strengths = torch.tensor([Noise(20)(gray, generator).std() * 127.5 for _ in range(200)])
    assert 0 <= strengths.min() < 1
    assert 19 < strengths.max() < 20.5
    assert abs(strengths.mean() - 10) < 1.5
    dot = gray.clone()
    dot[:, :, 32, 32] = 1
    blurred = Blur(2, 2)(dot, generator)[0, 0]
    assert abs(blurred.sum() - 1) < 1e-5
    places = torch.arange(64.0) - 32
    assert abs((blurred.sum(0) * places**2).sum().sqrt() - 2) < 0.1  # cut off at 3 sigma
    assert torch.allclose(Blur(5, 5)(torch.ones_like(gray), generator), torch.ones(()))
    assert torch.equal(Blur(0, 0)(image, generator), image)


class Spy(Degradation):
    """Notes at which size it came."""

    def __init__(self, seen, name):
        self.seen, self.name = seen, name

    def __call__(self, image, generator):
        self.seen.append((self.name, image.shape[-1]))
        return image


def test_every_order_occurs_and_the_shrinking_is_part_of_it():
    seen, orders = [], set()
    derive = Degrade(4, [Spy(seen, "a"), Spy(seen, "b")])
    for row in range(60):
        seen.clear()
        derive(smooth(1), [row], 0)
        orders.add(tuple(seen))
    assert len(orders) == 6
    assert {side for order in orders for _, side in order} == {16, 64}


def photos(root, count=12, sizes=((40, 24), (16, 33)), **kwargs):
    return {
        f"{index}.png": save(root / f"{index}.png", sizes[index % 2], seed=index, **kwargs) for index in range(count)
    }


def found_in(window, pixels):
    """Whether a window (C, H, W) lies somewhere in pixels (H, W, C), perhaps mirrored."""
    window = to_uint8(window).permute(1, 2, 0).numpy()
    places = np.lib.stride_tricks.sliding_window_view(pixels, window.shape)[:, :, 0]
    return any((places == view).all((-1, -2, -3)).any() for view in (window, window[:, ::-1]))


@pytest.mark.parametrize("kept", [True, False])
def test_windows_of_files_at_their_own_resolution(tmp_path, monkeypatch, kept):
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 2**30 if kept else 0)
    saved = photos(tmp_path / "train"), photos(tmp_path / "val", count=3)
    data = DegradedImages(str(tmp_path), image_size=16, batch_size=8)
    assert (len(data.train_dataset), data.source_shape) == (6 * 2 + 6 * 2, (3, 4, 4))  # 40 x 24: 2 x 1, 16 x 33: 1 x 2
    assert (data.train_dataset.images._kept is not None) == kept
    loader, seen = data.train_dataloader(), set()
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            assert torch.equal(batch["source"], shrink_bicubic(batch["image"], 4))
            seen |= {image.numpy().tobytes() for image in batch["image"]}
            assert all(any(found_in(image, pixels) for pixels in saved[0].values()) for image in batch["image"][:2])
    assert len(seen) > 40
    with pytest.warns(LightningGANsWarning, match="metrics need 20 test images, and there are 6 in"):
        windows = to_uint8(data.test_dataset.__getitems__(range(6))["image"]).permute(0, 2, 3, 1).numpy()
    first = saved[1]["0.png"]
    assert np.array_equal(windows[0], first[4:20, 4:20])
    assert np.array_equal(windows[1], first[4:20, 20:36])
    assert data.features() is None


def test_what_is_held_out_stays_so_and_small_or_damaged_images_are_one_line(tmp_path):
    photos(tmp_path, count=30)
    root = str(tmp_path)
    data = DegradedImages(root, image_size=16, batch_size=8)
    with pytest.warns(
        LightningGANsWarning, match=r"no test images in .*: \d of 30 are held out, by a hash of their names"
    ):
        data.setup()
    assert not set(data.train_files) & set(data.test_files)
    message = (
        r"image_size=20: 15 of 30 images are smaller than a window, .*/1\.png 16 x 33 the first; .*skip_small true"
    )
    with pytest.raises(ConfigError, match=message):
        DegradedImages(root, image_size=20)
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:300])
    (tmp_path / "2.png").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"2\.png.*skip_unreadable true"):
        DegradedImages(root, image_size=20, skip_small=True)
    some = DegradedImages(root, image_size=20, skip_small=True, skip_unreadable=True, batch_size=8)
    with pytest.warns(LightningGANsWarning) as caught:
        some.setup()
    said = sorted(str(each.message).replace(root, "") for each in caught)
    assert [line[:9] for line in said] == ["15 of 30 ", "2 of the ", "no test i"]
    large = [file for file in some.train_files if int(file.stem) % 2 == 0]  # two windows each
    assert len(some.train_dataset) == 2 * (len(large) - 2)


@pytest.mark.filterwarnings("ignore:no test images", "ignore:3 of 3 images are smaller")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 5}, "scale=5: choose one of 2, 3, 4, 8"),
        ({"scale": 3}, "scale=3: must divide the images' sides, 16 x 16"),
        ({"channels": 4}, "channels=4: give 1 for gray or 3 for RGB"),
        ({"image_size": 0}, "image_size=0: must be positive"),
        (
            {"image_size": 400, "skip_small": True},
            "image_size=400: none of the . images to learn from, or held out, in .* is that large",
        ),
    ],
)
def test_settings_that_cannot_be(tmp_path, settings, message):
    photos(tmp_path, count=3)
    with pytest.raises(ConfigError, match=message):
        DegradedImages(str(tmp_path), **{"image_size": 16} | settings).setup()


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Blur, (2, 1), "sigma_max=1: must be 0 or more, and not below sigma_min, 2"),
        (Noise, (-1,), "std_max=-1: must be 0 or more"),
        (JPEG, (0, 5), "quality_max=5: must be from 1 to 100, and not below quality_min, 0"),
    ],
)
def test_strengths_that_cannot_be(kind, arguments, message):
    with pytest.raises(ConfigError, match=message):
        kind(*arguments)


def test_photographs_of_installed_packages(monkeypatch):
    pytest.importorskip("skimage", reason="the extra `photos` is not installed")
    data = Photographs(batch_size=8)
    assert sorted(file.stem for file in data.train_files) == ["chelsea", "coffee", "flower", "rocket"]
    assert [file.stem for file in data.test_files] == ["china", "astronaut"]
    assert (len(data.train_dataset), len(data.test_dataset)) == (28 + 54 + 60 + 60, 60 + 64)
    assert data.features() is not None
    found = importlib.util.find_spec
    monkeypatch.setattr(
        lightning_gans.data.degraded, "find_spec", lambda name: None if name == "skimage" else found(name)
    )
    with pytest.raises(ConfigError, match=r"needs scikit-image; pip install 'lightning-gans\[photos\]'"):
        Photographs()
