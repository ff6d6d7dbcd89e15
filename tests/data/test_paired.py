"""A user's own pairs and unpaired images, as they lie on disks."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import lightning_gans.data.folder
from lightning_gans.data import PairedImages, UnpairedImages
from lightning_gans.data.datasets import AugmentedDataset, ImageDataset, UnpairedDataset
from lightning_gans.data.folder import FileDataset, read_image
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.images import to_uint8
from tests.data.files import save

SIZE = (16, 12)  # width, height
HELD_OUT = pytest.mark.filterwarnings("ignore:no test images")
pytestmark = pytest.mark.filterwarnings("ignore:metrics need 20 test images")


def pixels(images):
    """As they are in files: (N, H, W, C)."""
    return to_uint8(images).permute(0, 2, 3, 1).numpy()


def two(root, *folders, names=("1", "2", "deep/3"), suffixes=(".png", ".bmp"), size=SIZE):
    """Images of the same names in folders of domain A and B, for each part; the seed is their number."""
    saved = {}
    for part, (a, b) in enumerate(folders):
        for index, name in enumerate(names):
            for domain, folder in enumerate((a, b)):
                seed = 100 * part + 10 * domain + index
                saved[seed] = save(root / folder / f"{name}{suffixes[domain]}", size, seed=seed)
    return saved


def wide(root, *parts, count=3, size=(32, 12)):
    return {
        10 * part + index: save(root / name / f"{index}.png", size, seed=10 * part + index)
        for part, name in enumerate(parts)
        for index in range(count)
    }


def part(dataset):
    found = dataset.__getitems__(range(len(dataset)))
    return pixels(found["source"]), pixels(found["image"])


LAYOUTS = [
    (("trainA", "trainB"), ("testA", "testB")),
    (("A/train", "B/train"), ("A/val", "B/val")),
    (("train/A", "train/B"), ("test/A", "test/B")),
]


@pytest.mark.parametrize("kind", [PairedImages, UnpairedImages])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout[0][0].replace("/", "_"))
def test_two_folders_in_every_layout(tmp_path, layout, kind):
    saved = two(tmp_path, *layout)
    data = kind(str(tmp_path), batch_size=2)
    assert (data.image_shape, data.source_shape, data.num_classes) == ((3, 12, 16), (3, 12, 16), None)
    assert data._train is None
    for number, dataset in enumerate((data.train_dataset, data.test_dataset)):
        sources, images = part(dataset)
        for index in range(3):
            assert np.array_equal(sources[index], saved[100 * number + index])
            assert np.array_equal(images[index], saved[100 * number + 10 + index])


def test_both_halves_side_by_side_and_the_direction(tmp_path):
    saved = wide(tmp_path, "train", "val")
    data = {way: PairedImages(str(tmp_path), direction=way, batch_size=2) for way in ("AtoB", "BtoA")}
    (left, right), (sources, images) = (part(data[way].train_dataset) for way in ("AtoB", "BtoA"))
    assert np.array_equal(left, np.stack([saved[index][:, :16] for index in range(3)]))
    assert np.array_equal(right, np.stack([saved[index][:, 16:] for index in range(3)]))
    assert np.array_equal(sources, right)
    assert np.array_equal(images, left)
    assert np.array_equal(part(data["AtoB"].test_dataset)[0][1], saved[11][:, :16])
    assert data["AtoB"].reference_dataset is data["AtoB"].test_dataset


def test_any_two_folders_and_what_is_held_out_of_them(tmp_path):
    names = [str(number) for number in range(30)]
    two(tmp_path, ("lines", "colors"), names=names)
    folders = {"sources": str(tmp_path / "lines"), "images": str(tmp_path / "colors"), "batch_size": 2}
    pairs = PairedImages(**folders)
    with pytest.warns(
        LightningGANsWarning, match=r"^no test images in .*lines and .*colors: \d of 30 pairs are held out"
    ):
        count = len(pairs.train_dataset)
    held_out = {name for picture in pairs._test_part for name in picture}
    assert 0 < len(held_out) == len(pairs.test_dataset) == 30 - count < 9
    save(tmp_path / "lines/new.png", SIZE)
    save(tmp_path / "colors/new.png", SIZE)
    again = PairedImages(**folders)
    assert {name for picture in again._test_part for name in picture} - {"new"} == held_out  # on its side for good
    with pytest.warns(LightningGANsWarning, match=r"\d of 31 sources, \d of 31 images are held out"):
        UnpairedImages(**folders).setup()


@HELD_OUT
def test_at_least_one_is_held_out_and_one_is_left(tmp_path):
    for name in "abcdefghij":
        root = tmp_path / name
        two(root, ("A", "B"), names=(name, f"{name}2"))
        data = PairedImages(str(root), batch_size=1)
        assert (len(data.train_dataset), len(data.test_dataset)) == (1, 1)


def test_pairs_are_cut_and_flipped_alike(tmp_path):
    for name in ("trainA/1.png", "trainB/1.png", "testA/1.png", "testB/1.png"):
        save(tmp_path / name, SIZE, seed=3)
    data = PairedImages(str(tmp_path), crop_margin=4, batch_size=1)
    loader, seen = data.train_dataloader(), set()
    for epoch in range(20):
        loader.sampler.set_epoch(epoch)
        (batch,) = loader
        assert batch["image"].shape == (1, 3, 12, 16)
        assert torch.equal(batch["image"], batch["source"])
        seen.add(batch["image"].numpy().tobytes())
    assert len(seen) > 10
    assert data.train_dataset.images.shape == (1, 3, 16, 20)
    assert data.test_dataset.images.shape == (1, 3, 12, 16)


def numbered(count, side=4):
    """Images that are dark on the left, and whose level is their number."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, side, side)
    images[..., : side // 2] += 100
    return ImageDataset(images, None)


def levels(batch, name):
    """The numbers of images, and whether they are mirrored."""
    ends = to_uint8(batch[name])[:, 0, 0, [0, -1]].long()
    return ends.amin(1).tolist(), (ends[:, 0] < ends[:, 1]).tolist()


def test_unpaired_rows_are_sources_in_turn_and_images_at_random():
    data = UnpairedDataset(numbered(3), numbered(5))
    assert len(data) == 5
    ordered = AugmentedDataset(data).__getitems__(range(5))
    assert levels(ordered, "source")[0] == [0, 1, 2, 0, 1]
    assert levels(ordered, "image")[0] == list(range(5))
    transforms = PairedImages.augmentations(type("Flipped", (), {"crop_margin": 0, "flip": True})())
    rows = range(2000)
    shown = AugmentedDataset(data, transforms, seed=1).__getitems__(rows)
    (sources, source_flips), (images, image_flips) = (levels(shown, name) for name in ("source", "image"))
    assert sources == [row % 3 for row in rows]
    counts = np.bincount(images, minlength=5) / 2000
    assert np.abs(counts - 0.2).max() < 0.04
    both = np.array([source_flips, image_flips])
    assert np.abs(both.mean(1) - 0.5).max() < 0.04
    assert abs(np.corrcoef(both)[0, 1]) < 0.07
    chosen = [1999, 7]
    alone = AugmentedDataset(data, transforms, seed=1).__getitems__(chosen)
    assert all(torch.equal(alone[name], shown[name][chosen]) for name in ("image", "source"))
    other = AugmentedDataset(data, transforms, seed=2).__getitems__(rows)
    assert levels(other, "image")[0] != images
    assert data.fingerprint() != UnpairedDataset(numbered(5), numbered(3)).fingerprint()


def test_unpaired_images_are_measured_each_once(tmp_path):
    two(tmp_path, ("trainA", "trainB"))
    two(tmp_path, ("testA", "testB"))
    save(tmp_path / "testA/more.png", SIZE)
    data = UnpairedImages(str(tmp_path), batch_size=2)
    assert (data.paired, len(data.test_dataset), len(data.reference_dataset)) == (False, 4, 3)
    assert (data.metrics(), data.features()) == ({}, None)
    with pytest.warns(LightningGANsWarning, match="^metrics need 20 test images, and there are 3 in "):
        data.setup()
    two(tmp_path, ("testA", "testB"), names=[f"n{number}" for number in range(17)])
    assert UnpairedImages(str(tmp_path)).features().name == "random"


@pytest.mark.parametrize("kind", [PairedImages, UnpairedImages])
def test_files_and_memory_give_the_same(tmp_path, monkeypatch, kind):
    wide(tmp_path, "train", "test") if kind is PairedImages else two(tmp_path, ("trainA", "trainB"), ("testA", "testB"))
    settings = {"image_size": 8, "source_channels": 1, "crop_margin": 2, "batch_size": 3}
    kept = kind(str(tmp_path), **settings)
    expected = [*kept.train_dataloader(), *kept.test_dataloader()]
    assert expected[0]["source"].shape == (3, 1, 8, 8)
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 0)
    read = kind(str(tmp_path), **settings)
    train = read.train_dataset
    assert isinstance(train if kind is PairedImages else train.sources, FileDataset)
    for one, other in zip(expected, [*read.train_dataloader(), *read.test_dataloader()], strict=True):
        assert all(torch.equal(one[name], other[name]) for name in ("image", "source"))
    assert read.fingerprint() == kind(str(tmp_path), **settings).fingerprint() != kept.fingerprint()


# What is refused.


@pytest.mark.parametrize("kind", [PairedImages, UnpairedImages])
def test_images_of_two_sizes_need_one(tmp_path, kind):
    two(tmp_path, ("trainA", "trainB"), ("testA", "testB"))
    for name in ("trainA/0.png", "trainB/0.png"):
        save(tmp_path / name, (20, 30))
    with pytest.raises(
        ConfigError, match=r"image_size=None: \S*0\.png is 20 x 30 pixels, \S*1\.png 16 x 12; give a size"
    ):
        kind(str(tmp_path))
    assert kind(str(tmp_path), image_size=10).image_shape == (3, 10, 10)


def test_what_does_not_make_a_pair_is_named(tmp_path):
    def refused(message, change=lambda root: None, **kwargs):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        two(root, ("trainA", "trainB"), ("testA", "testB"))
        change(root)
        with pytest.raises(ConfigError, match=message):
            PairedImages(str(root), **kwargs)

    refused(
        r"image='\S*trainA/2\.png': has no partner of its name in \S*trainB", lambda r: (r / "trainB/2.bmp").unlink()
    )
    refused(r"image='\S*testB/x\.png': has no partner of its name in \S*testA", lambda r: save(r / "testB/x.png"))
    refused(r"image='\S*trainA/2\.png': has the name of 2\.jpg", lambda r: save(r / "trainA/2.jpg"))
    for size in (None, 8):
        unequal = r"image='\S*trainB/2\.bmp': is 9 x 9 pixels, its partner \S*trainA/2\.png 16 x 12"
        refused(unequal, lambda r: save(r / "trainB/2.bmp", (9, 9)), image_size=size)
    refused(
        r"image='\S*1\.png': cannot be read .*--data\.skip_unreadable", lambda r: (r / "testA/1.png").write_text("?")
    )


def test_halves_are_equal(tmp_path):
    wide(tmp_path, "train", "test", size=(31, 12))
    with pytest.raises(
        ConfigError, match=r"image='\S*train/0\.png': is 31 pixels wide, which makes no two equal halves"
    ):
        PairedImages(str(tmp_path))


@pytest.mark.parametrize("size", [None, 8])
def test_a_damaged_image_takes_its_partner_with_it(tmp_path, size):
    saved = two(tmp_path, ("trainA", "trainB"), ("testA", "testB"), size=(8, 8))
    damaged = tmp_path / "trainB/2.bmp"
    damaged.write_bytes(damaged.read_bytes()[:-20] if size else b"?")
    data = PairedImages(str(tmp_path), image_size=size, skip_unreadable=True, batch_size=2)
    with pytest.warns(
        LightningGANsWarning, match=r"^1 of the 3 images in \S+ cannot be read and are left out: \S*2\.bmp$"
    ):
        sources, images = part(data.train_dataset)
    assert np.array_equal(sources, np.stack([saved[0], saved[2]]))
    assert np.array_equal(images, np.stack([saved[10], saved[12]]))


def test_folders_that_are_not_there(tmp_path):
    (tmp_path / "trainA").mkdir()
    save(tmp_path / "half/trainA/1.png")
    save(tmp_path / "plain/1.png")
    save(tmp_path / "small/A/1.png", (7, 9))
    save(tmp_path / "small/B/1.png", (7, 9))
    save(tmp_path / "small/A/2.png", (7, 9))
    save(tmp_path / "small/B/2.png", (7, 9))
    save(tmp_path / "one/A/1.png")
    save(tmp_path / "one/B/1.png")
    for kind, given, message in (
        (PairedImages, {}, "root=None: give this, .* or else both sources and images"),
        (PairedImages, {"root": "plain", "images": "plain"}, "root='plain': give this"),
        (UnpairedImages, {"sources": "plain"}, "root=None: give this"),
        (UnpairedImages, {"sources": "plain", "images": "none"}, "images='none': no such folder"),
        (
            UnpairedImages,
            {"sources": "plain", "images": "half/../plain"},
            "images='half/../plain': is the folder of the so",
        ),
        (PairedImages, {"root": "none"}, "root='none': no such folder"),
        (PairedImages, {"root": "plain"}, "holds neither train with A and B side by side in each image, trainA and"),
        (UnpairedImages, {"root": "plain"}, "holds neither trainA and trainB, A/train and B/train, nor A and B"),
        (UnpairedImages, {"root": "half"}, "root='half/trainB': no such folder"),
        (UnpairedImages, {"root": "."}, "root='trainA': holds no images"),
        (UnpairedImages, {"root": "small"}, "image_size=None: .* is 7 x 9 pixels; give 8 or more"),
        (UnpairedImages, {"root": "small", "image_size": 7}, "image_size=7: must be 8 or more"),
        (PairedImages, {"root": "one"}, "image='one/A/1.png': is alone"),
        (PairedImages, {"root": "small", "source_channels": 4}, "source_channels=4: give 1 for gray or 3 for RGB"),
        (PairedImages, {"root": "small", "crop_margin": -1}, "crop_margin=-1: must be 0 or more"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            with pytest.raises(ConfigError, match=message):
                kind(**given)


# What files hold.


def write_png(path, levels):
    """A PNG of 16 bits in each of its channels (H, W, C), which Pillow does not write for color."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = levels.shape
    head = struct.pack(">2I5B", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    deep = np.arange(0, 65536, 257 // 4).astype(np.uint16)[:1020].reshape(20, 51)
    expected = np.round(deep / 257)
    Image.fromarray(deep).save(tmp_path / "1.png")
    Image.fromarray(deep).save(tmp_path / "2.tif")
    write_png(tmp_path / "3.png", deep[..., None])
    for name in ("1.png", "2.tif", "3.png"):
        found = read_image(tmp_path / name, 3).numpy()
        assert np.array_equal(found, np.stack([expected] * 3)), name
    for channels in (2, 3, 4):
        color = np.stack([deep] * channels, axis=-1)
        color[..., 3 if channels == 4 else 1] = 65535 if channels != 3 else deep
        write_png(tmp_path / "4.png", color)
        assert np.abs(read_image(tmp_path / "4.png", 3).numpy() - expected).max() <= 1


def test_transparency_shows_white(tmp_path):
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:4] = (200, 0, 0, 255)
    clear[4:6] = (200, 0, 0, 128)
    picture = Image.fromarray(clear)
    picture.save(tmp_path / "1.png")
    picture.save(tmp_path / "2.webp", lossless=True, exact=True)
    for name in ("1.png", "2.webp"):
        image = read_image(tmp_path / name, 3)
        assert image[:, [0, 4, 7], 0].T.tolist() == [[200, 0, 0], [227, 127, 127], [255, 255, 255]]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.save(tmp_path / "3.png")
    palette.save(tmp_path / "4.png", transparency=1)
    gray = Image.fromarray(np.full((8, 8, 2), (9, 0), np.uint8), "LA")
    gray.save(tmp_path / "5.png")
    found = [read_image(tmp_path / f"{number}.png", 3)[:, 0, 0].tolist() for number in (3, 4, 5)]
    assert found == [[10, 20, 30], [255] * 3, [255] * 3]


@HELD_OUT
def test_cameras_are_heeded_before_sizes_are_compared(tmp_path):
    turned = Image.new("RGB", (12, 16))
    turned.paste((255, 255, 255), (0, 0, 6, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: what is on the left comes to the top
    names = ("2.jpg", "3.png", "4.webp", "5.tif")
    for folder in ("A", "B"):
        save(tmp_path / folder / "1.png", SIZE)
        for name in names:
            turned.save(tmp_path / folder / name, exif=exif)
    data = PairedImages(str(tmp_path), batch_size=1)
    assert data.image_shape == (3, 12, 16)
    assert len(data.train_dataset) + len(data.test_dataset) == 5
    for name in names:
        upright = read_image(tmp_path / "A" / name, 1)
        assert (upright.shape, int(upright[0, :5].min()) > 250, int(upright[0, 7:].max()) < 5) == (
            (1, 12, 16),
            True,
            True,
        )
