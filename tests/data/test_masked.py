"""Holes in images: what is known stays, what is missing is what the rule says."""

from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import to_pil_image

import lightning_gans.data.folder
from lightning_gans.data import (
    MNIST,
    BlockMasks,
    CenterMask,
    Digits,
    FolderMasks,
    FreeFormMasks,
    MaskedDigits,
    MaskedEmoji,
    MaskedImages,
    MaskedMNIST,
)
from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.errors import ConfigError
from lightning_gans.images import to_uint8
from tests.data.files import save, write_mnist

RULES = [CenterMask(), BlockMasks(), FreeFormMasks()]
HELD_OUT = pytest.mark.filterwarnings("ignore:no test images", "ignore:metrics need 20 test images")


def drawn(rule, count=300, height=64, width=64, seed=0):
    return rule(augmentation_noise(seed, 0, range(count), rule.num_uniforms), height, width)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_what_is_known_stays_and_the_rest_is_gray(rule):
    data = MaskedEmoji(image_size=32, mask=rule, flip=True, batch_size=100)
    for batch in islice(data.train_dataloader(), 2):
        mask = batch["mask"].bool()
        assert batch["mask"].shape == (100, 1, 32, 32)
        assert set(batch["mask"].unique().tolist()) == {0, 1}
        assert torch.equal(batch["source"][~mask.expand(-1, 3, -1, -1)], batch["image"][~mask.expand(-1, 3, -1, -1)])
        assert not batch["source"][mask.expand(-1, 3, -1, -1)].any()
        assert mask.flatten(1).any(1).all()


@pytest.mark.parametrize("rule", RULES[1:], ids=lambda rule: type(rule).__name__)
def test_masks_are_a_function_of_seed_and_row(rule):
    def items(seed=0, mask=rule):
        return MaskedEmoji(image_size=32, mask=mask, batch_size=100, seed=seed)

    train, count = items().train_dataset, 1943
    first, later = (train.training_items(range(start, start + 5), 0)["mask"] for start in (0, count))
    assert not torch.equal(first, later)
    assert torch.equal(first[2:4], train.training_items([2, 3], 0)["mask"])
    held_out = [data.test_dataset.__getitems__([4, 9])["mask"] for data in (items(), items(seed=7))]
    assert torch.equal(*held_out)
    assert items().fingerprint() == items(seed=7).fingerprint() != items(mask=CenterMask()).fingerprint()


def test_the_center_has_its_share():
    mask = drawn(CenterMask(), 2, 32, 48)
    assert mask.mean() == 0.25
    assert mask[:, :, 8:24, 12:36].all()
    assert drawn(CenterMask(0.3), 1, 10, 10).sum() == 9
    assert drawn(CenterMask(0.01), 1, 8, 8).sum() == 1


def test_blocks_cover_as_much_as_they_say():
    rule = BlockMasks(5, 0.1, 0.22)
    for height, width in ((64, 64), (30, 90)):
        shares = drawn(rule, 300, height, width).mean((1, 2, 3))
        assert shares.min() >= int(0.1 * height) * int(0.1 * width) / (height * width)
        assert shares.max() <= 5 * 0.22**2
    single = drawn(BlockMasks(1, 0.25, 0.25), 3000, 16, 16)
    assert (single.sum((1, 2, 3)) == 4**2).all()
    assert single.mean(0).bool().all()  # every pixel is missing in one of them


@pytest.mark.parametrize("side", [32, 64])
def test_strokes_cover_as_much_as_they_say(side):
    shares = drawn(FreeFormMasks(), height=side, width=side).mean((1, 2, 3))
    assert shares.min() > 0.005
    assert shares.max() < 0.65
    assert abs(shares.mean() - 0.18) < 0.02
    assert ((shares > 0.04) & (shares < 0.36)).float().mean() > 0.87
    thin = drawn(FreeFormMasks(1, 1, 1, 0.01, 0.01), height=side, width=side)
    assert thin.mean() < 0.02


def test_masks_of_a_folder(tmp_path):
    half = np.zeros((20, 40), np.uint8)
    half[:, :20] = 255
    for name, pixels in (("a", half), ("b", 255 - half)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    masks = drawn(FolderMasks(str(tmp_path)), 20, 10, 10)
    left = torch.zeros(10, 10)
    left[:, :5] = 1
    assert {mask.numpy().tobytes() for mask in masks} == {each.numpy().tobytes() for each in (left, 1 - left)}
    known = FolderMasks(str(tmp_path)).fingerprint()
    (tmp_path / "b.png").unlink()
    assert FolderMasks(str(tmp_path)).fingerprint() != known
    with pytest.raises(ConfigError, match="no such folder"):
        FolderMasks(str(tmp_path / "none"))


def test_thin_strokes_of_large_masks_stay(tmp_path):
    stroke = torch.zeros(1, 200, 300, dtype=torch.uint8)
    stroke[:, 100, :] = 255
    to_pil_image(stroke).save(tmp_path / "stroke.png")
    (mask,) = drawn(FolderMasks(str(tmp_path)), 1, 20, 30)
    assert mask[0].sum(1).tolist() == [0] * 10 + [30] + [0] * 9


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (CenterMask, {"share": 1.0}, "share=1.0: is a share"),
        (BlockMasks, {"number": 0}, "number=0: must be positive"),
        (BlockMasks, {"min_share": 0.3}, "max_share=0.22: must lie below 1, and not below min_share, 0.3"),
        (FreeFormMasks, {"max_strokes": 0}, "max_strokes=0: must be positive"),
        (FreeFormMasks, {"max_vertices": 3}, "max_vertices=3: must not be below min_vertices, 4"),
        (FreeFormMasks, {"min_width": 0.2}, "max_width=0.15625: must not be below min_width, 0.2"),
    ],
)
def test_masks_that_cannot_be(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        kind(**settings)


def test_digits_keep_their_class_when_they_are_completed(tmp_path):
    data = MaskedDigits()
    labels = Digits().load_train().labels[::6]
    held_out = data.test_dataset.__getitems__(range(300))
    assert (data.features()(to_uint8(held_out["image"])).logits.argmax(1) == labels).float().mean() > 0.98
    assert (data.features()(to_uint8(held_out["source"])).logits.argmax(1) == labels).float().mean() < 0.7
    write_mnist(tmp_path)
    mnist = MaskedMNIST(str(tmp_path), batch_size=8)
    images = to_uint8(mnist.test_dataset.__getitems__(range(10))["image"])
    plain = MNIST(str(tmp_path))
    assert torch.equal(images[:, :, 2:-2, 2:-2], plain.test_dataset.images)
    assert images.sum() == plain.test_dataset.images.sum()
    given = plain.features()(plain.test_dataset.images)
    assert all(map(torch.equal, mnist.features()(images), given))
    for each in (data, mnist):
        assert each.metrics().keys() == {"hole", "swd", "agreement"}
        assert each.metrics()["agreement"].higher_is_better_by_name == {"agreement_to_image": True}


@HELD_OUT
def test_own_images_are_resized_and_held_out(tmp_path):
    for index in range(12):
        save(tmp_path / f"{index}.png", (40, 24), seed=index)
    data = MaskedImages(str(tmp_path), image_size=16, batch_size=4)
    (batch, *_) = data.train_dataloader()
    assert batch["image"].shape == (4, 3, 16, 16)
    assert batch["mask"].mean() == 0.25
    assert len(data.train_dataset) + len(data.test_dataset) == 12
    assert data.reference_dataset is data.test_dataset
    with pytest.raises(ConfigError, match="from_alpha=True: then masks come from the images"):
        MaskedImages(str(tmp_path), image_size=16, from_alpha=True, mask=CenterMask())
    with pytest.raises(ConfigError, match=r"\.png': nothing in it is transparent; leave out from_alpha, or it"):
        MaskedImages(str(tmp_path), image_size=16, from_alpha=True, batch_size=1).setup()


@HELD_OUT
@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_missing_with_its_colors_in_the_file(tmp_path, monkeypatch, kept, mode):
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 2**30 if kept else 0)
    random = np.random.default_rng(0)
    saved = []
    for index in range(2):
        pixels = random.integers(0, 256, (16, 16, len(mode)), dtype=np.uint8)
        pixels[:, :, -1] = np.where(np.arange(16) < 5 + index, 127, 128)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
        saved.append(np.broadcast_to(pixels[:, :, :-1], (16, 16, 3)))
    data = MaskedImages(str(tmp_path), image_size=16, from_alpha=True, batch_size=1)
    (number,) = (int(file.stem) for file in data.train_files)
    seen = set()
    for row in range(20):
        batch = data.train_dataset.training_items([row], 0)
        missing = batch["mask"][0, 0, 0]
        mirrored = bool(missing[-1])
        seen.add(mirrored)
        image = to_uint8(batch["image"][0]).permute(1, 2, 0).numpy()
        assert np.array_equal(image[:, ::-1] if mirrored else image, saved[number])
        assert missing.sum() == 5 + number
        assert not batch["source"][0][:, :, missing.bool()].any()
    assert seen == {False, True}  # the mask is mirrored with its image
