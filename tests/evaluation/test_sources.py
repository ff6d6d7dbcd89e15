import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from lightning_gans import ConfigError
from lightning_gans.data import Digits
from lightning_gans.evaluation.sources import ArraySource, DatasetSource, FolderSource, GeneratedSource
from lightning_gans.images import from_uint8


def pixels(n=6, channels=3, side=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=generator)


def save_all(images, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        array = image.permute(1, 2, 0).numpy()
        Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(folder / f"{index:03d}.png")
    return folder


def test_every_source_of_the_same_images_gives_the_same_pixels(tmp_path):
    images = pixels()
    np.save(tmp_path / "chw.npy", images.numpy())
    np.save(tmp_path / "hwc.npy", images.permute(0, 2, 3, 1).numpy())
    np.savez(tmp_path / "some.npz", images.permute(0, 2, 3, 1).numpy())
    sources = [
        DatasetSource(TensorDataset(images)),
        DatasetSource(TensorDataset(from_uint8(images), torch.zeros(6))),
        ArraySource(tmp_path / "chw.npy"),
        ArraySource(tmp_path / "hwc.npy"),
        ArraySource(tmp_path / "some.npz"),
        FolderSource(save_all(images, tmp_path / "folder")),
    ]
    for source in sources:
        assert len(source) == 6
        assert torch.equal(source.images(0, 6), images)
        assert torch.equal(source.images(2, 5), images[2:5])


def test_gray_images_stay_gray(tmp_path):
    images = pixels(channels=1)
    np.save(tmp_path / "gray.npy", images[:, 0].numpy())
    assert torch.equal(ArraySource(tmp_path / "gray.npy").images(0, 6), images)
    assert torch.equal(FolderSource(save_all(images, tmp_path / "gray")).images(0, 6), images)


def test_provenance_tells_images_apart(tmp_path):
    images = pixels()
    other = images.clone()
    other[5, 0, 0, 0] += 1
    first, second = DatasetSource(TensorDataset(images)), DatasetSource(TensorDataset(other))
    assert first.provenance() != second.provenance()
    assert first.provenance() == DatasetSource(TensorDataset(images.clone())).provenance()
    folder = save_all(images, tmp_path / "folder")
    before = FolderSource(folder).provenance()
    assert before == FolderSource(folder).provenance()
    Image.fromarray(other[5].permute(1, 2, 0).numpy()).save(folder / "005.png")
    assert before != FolderSource(folder).provenance()


def test_batches_and_single_items_agree():
    dataset = Digits().reference_dataset
    source = DatasetSource(dataset)
    assert torch.equal(source.images(10, 20), dataset.images[10:20])


def test_labels_of_items_may_be_plain_numbers():
    """As torchvision's data sets hold them: a loader makes a tensor of them, and nobody else does."""
    images = from_uint8(pixels())
    for number in (int, np.int64):
        items = [(image, number(index)) for index, image in enumerate(images)]
        assert DatasetSource(items).condition(2, 5).label.tolist() == [2, 3, 4]
    named = [{"image": image, "label": index} for index, image in enumerate(images)]
    assert DatasetSource(named).condition(2, 5).label.tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images * 255, r"real='images from -255 to 255': networks take \[-1\.0, 1\.0\]; scale them"),
        (lambda images: images / images.abs().amin().mul(0), "real='images with NaN or infinity'"),
    ],
)
def test_images_of_a_loader_that_are_not_scaled_are_no_reference(change, message):
    """They would be clamped to black and white."""
    images = from_uint8(pixels()).clamp(-1, 1)
    images[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    with pytest.raises(ConfigError, match=message):
        DatasetSource(TensorDataset(change(images))).images(0, 6)


class Counter:
    """A generator whose sample i is a gray image of level i."""

    def sample(self, n, *, labels=None, seed=0, truncation=None, ema=True, start=0):
        return from_uint8(torch.arange(start, start + n).to(torch.uint8)[:, None, None, None].expand(n, 1, 8, 8))


def test_samples_by_index():
    source = GeneratedSource(Counter(), 20)
    assert source.images(3, 6)[:, 0, 0, 0].tolist() == [3, 4, 5]
    assert source.provenance()["count"] == 20
    with pytest.raises(ConfigError, match="num_samples=1"):
        GeneratedSource(Counter(), 1)


def test_unusable_sources_are_named(tmp_path):
    np.save(tmp_path / "float.npy", np.zeros((3, 8, 8), np.float32))
    (tmp_path / "broken.npy").write_bytes(b"no array")
    (tmp_path / "empty").mkdir()
    mixed = save_all(pixels(), tmp_path / "mixed")
    Image.new("RGB", (9, 8)).save(mixed / "9.png")
    cut = save_all(pixels(), tmp_path / "cut")
    whole = (cut / "003.png").read_bytes()
    (cut / "003.png").write_bytes(whole[:60])
    for build, message in (
        (lambda: ArraySource(tmp_path / "float.npy"), r"float32 \(3, 8, 8\)"),
        (lambda: ArraySource(tmp_path / "broken.npy"), "cannot be read"),
        (lambda: ArraySource(tmp_path / "none.npy"), "cannot be read"),
        (lambda: FolderSource(tmp_path / "none"), "no such folder"),
        (lambda: FolderSource(tmp_path / "empty"), "holds no images"),
        (lambda: FolderSource(mixed).images(0, 7), "is 9x8, the first image 8x8"),
        (lambda: FolderSource(cut).images(0, 6), r"003\.png.*cannot be read"),
        (lambda: DatasetSource(TensorDataset(torch.zeros(0, 1, 8, 8))), "at least one image"),
    ):
        with pytest.raises(ConfigError, match=message):
            build()
