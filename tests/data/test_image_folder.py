import os

import numpy as np
import pytest
import torch
from PIL import Image

import lightning_gans.data.folder
from lightning_gans.batch import Batch
from lightning_gans.data import ImageFolder
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.data.folder import FileDataset
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.images import to_uint8
from tests.data.files import save


@pytest.fixture
def photos(tmp_path):
    """Six images of two classes, of several sizes, formats and modes."""
    root = tmp_path / "photos"
    for index, name in enumerate(("cat/1.png", "cat/deep/2.jpg", "cat/3.bmp", "dog/1.PNG", "dog/2.jpeg")):
        save(root / name, (8 + index, 12), seed=index)
    save(root / "dog/gray.png", (20, 10), "L", seed=9)
    (root / "dog/notes.txt").write_text("no image")
    save(root / "dog/.hidden.png")
    save(root / ".thumbnails/1.png")
    return root


def test_facts_are_known_before_anything_is_decoded(photos):
    data = ImageFolder(str(photos), image_size=16, channels=1)
    assert (data.image_shape, data.num_classes, data.classes) == ((1, 16, 16), 2, ["cat", "dog"])
    assert data._train is None


def test_class_folders_are_labels(photos):
    images, labels = ImageFolder(str(photos), 8, batch_size=6).train_dataset.__getitems__(range(6))
    assert (images.shape, images.dtype) == ((6, 3, 8, 8), torch.float32)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.min() >= -1
    assert images.max() <= 1


def test_a_flat_folder_has_no_labels(photos):
    save(photos / "loose.png")
    data = ImageFolder(str(photos), 8, batch_size=7)
    (batch,) = list(data.train_dataloader())
    assert (data.num_classes, len(batch)) == (None, 1)
    with pytest.raises(ConfigError, match="the batch has none"):
        Batch.of(batch).condition.only(["label"])


def test_images_of_the_right_size_come_as_they_are(tmp_path):
    expected = save(tmp_path / "1.png", (8, 8))
    image = ImageFolder(str(tmp_path), 8, batch_size=1).train_dataset[0][0]
    assert np.array_equal(to_uint8(image).permute(1, 2, 0).numpy(), expected)


def test_the_middle_is_cropped_and_cameras_are_heeded(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    picture = Image.fromarray(wide)
    picture.save(tmp_path / "1.png")
    turned = Image.new("RGB", (16, 8))
    turned.paste((255, 255, 255), (0, 0, 4, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: what is on the left comes to the top
    turned.save(tmp_path / "2.png", exif=exif)
    images = ImageFolder(str(tmp_path), 8, batch_size=1).train_dataset.images
    assert int(images[0].min()) > 240  # bicubic weights reach over the edge
    assert int(images[1, 0, 0].float().mean()) == 0  # the top quarter is cropped off: 8 x 16 upright


@pytest.mark.parametrize("channels", [1, 3])
def test_files_and_memory_give_the_same(photos, monkeypatch, channels):
    settings = {"image_size": 8, "channels": channels, "flip": True, "crop_margin": 3, "batch_size": 3}
    kept = ImageFolder(str(photos), **settings)
    assert isinstance(kept.train_dataset, ImageDataset)
    expected, reference = list(kept.train_dataloader()), kept.reference_dataset.__getitems__(range(6))
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 0)
    for workers in (0, 2):
        read = ImageFolder(str(photos), num_workers=workers, **settings)
        assert isinstance(read.train_dataset, FileDataset)
        for one, other in zip(expected, read.train_dataloader(), strict=True):
            assert all(map(torch.equal, one, other))
        assert all(map(torch.equal, reference, read.reference_dataset.__getitems__(range(6))))


def test_augmentation_is_a_function_of_seed_epoch_and_index(tmp_path):
    save(tmp_path / "1.png", (12, 12))
    data = ImageFolder(str(tmp_path), 8, crop_margin=4, flip=True, batch_size=1)
    views = {}
    for epoch in (*range(40), *range(40)):
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)
        ((image,),) = loader
        assert torch.equal(views.setdefault(epoch, image), image)
    assert len({view.numpy().tobytes() for view in views.values()}) > 20  # of 50 possible ones
    whole = data.train_dataset[0][0]
    windows = whole.unfold(1, 8, 1).unfold(2, 8, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, 8, 8)
    allowed = {view.numpy().tobytes() for window in windows for view in (window, window.flip(-1))}
    assert {view[0].numpy().tobytes() for view in views.values()} <= allowed
    assert torch.equal(data.reference_dataset[0][0], whole[:, 2:10, 2:10])


def test_fingerprints_tell_pixels_labels_and_sizes_apart(photos, monkeypatch):
    def found():
        return [ImageFolder(str(photos), side, batch_size=1).fingerprint() for side in (8, 9)]

    seen = found()
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 0)
    seen += found()
    save(photos / "cat/1.png", seed=77)
    seen += found()
    (photos / "dog/1.PNG").rename(photos / "cat/9.png")
    seen += found()
    assert len(set(seen)) == len(seen)
    assert found() == seen[-2:]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kept", [True, False])
def test_a_truncated_image_is_named(photos, monkeypatch, workers, kept):
    truncate(photos / "cat/deep/2.jpg")
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 2**30 if kept else 0)
    with pytest.raises(ConfigError, match=r"image='.*cat/deep/2\.jpg'.*truncated.*skip_unreadable"):
        list(ImageFolder(str(photos), 8, num_workers=workers, batch_size=6).train_dataloader())


@pytest.mark.parametrize("kept", [True, False])
def test_unreadable_images_are_skipped_named_and_counted(photos, monkeypatch, kept):
    truncate(photos / "cat/deep/2.jpg")
    (photos / "dog/1.PNG").write_text("not an image")
    monkeypatch.setattr(lightning_gans.data.folder, "_KEPT", 2**30 if kept else 0)
    data = ImageFolder(str(photos), 8, skip_unreadable=True, batch_size=4)
    with pytest.warns(LightningGANsWarning, match=r"^2 of the 6 images in .* left out: .*2\.jpg, .*1\.PNG$"):
        data.setup()
    images, labels = data.train_dataset.__getitems__(range(4))
    assert (len(images), labels.tolist()) == (4, [0, 0, 1, 1])


def test_nothing_but_unreadable_images(tmp_path):
    (tmp_path / "1.png").write_text("not an image")
    with pytest.raises(ConfigError, match="none of its 1 images can be read"):
        ImageFolder(str(tmp_path), skip_unreadable=True).setup()


@pytest.mark.parametrize(("name", "kind"), [("1.tif", np.int32), ("1.tiff", np.float32)])
def test_more_than_sixteen_bits_are_refused(name, kind, tmp_path):
    """How their levels map to 0..255, only who made them knows."""
    Image.fromarray(np.zeros((8, 8), kind)).save(tmp_path / name)
    with pytest.raises(ConfigError, match=f"{name}'.*convert it to 8 bits"):
        ImageFolder(str(tmp_path), 8, batch_size=1).setup()


def test_missing_empty_and_locked_folders(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for name, message in (("nowhere", "no such folder"), ("empty", "holds no images")):
        with pytest.raises(ConfigError, match=f"root='.*{name}': {message}"):
            ImageFolder(str(tmp_path / name))
    save(tmp_path / "locked/1.png")
    monkeypatch.setattr(os, "access", lambda path, how: False)  # who runs tests as root may read everything
    with pytest.raises(ConfigError, match=r"locked.*permissions"):
        ImageFolder(str(tmp_path / "locked"))


@pytest.mark.parametrize("wrong", [{"image_size": 0}, {"channels": 2}, {"crop_margin": -1}])
def test_impossible_settings_are_refused(photos, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ImageFolder(str(photos), **wrong)
