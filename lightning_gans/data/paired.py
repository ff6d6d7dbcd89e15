"""A user's own sources and images, to translate one into the other: in pairs, or without."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.utilities import rank_zero_warn
from torchmetrics import Metric

from lightning_gans.data.base import ImageDataModule, UnpairedData
from lightning_gans.data.datasets import BatchedDataset, UnpairedDataset
from lightning_gans.data.folder import FileDataset, Picture, check_reading, hold_out
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.evaluator import MIN_REAL
from lightning_gans.evaluation.features import RandomFeatures
from lightning_gans.evaluation.files import image_files
from lightning_gans.evaluation.metrics import paired_metrics

_LAYOUTS = (("{}A", "{}B"), ("A/{}", "B/{}"), ("{}/A", "{}/B"))  # where the domains of a part lie
_MIN_SIDE = 8

_Folders = tuple[Path, Path]  # of A and of B; one and the same where they lie side by side in each image
_Domain = dict[str, Picture]  # by names, in their order


class DomainFolders(ImageDataModule):
    """Folders of domain A, what is given, and of domain B, what should come out; see the subclasses.

    Below ``root`` lie ``trainA`` and ``trainB``, or ``A/train`` and ``B/train``, or ``train/A`` and ``train/B``, and
    what is held out likewise as ``test``, or else ``val``; or ``A`` and ``B`` alone. Where nothing is held out, one
    image in ten is, by a hash of its name, and one line says so. Metrics are of what is held out.

    Images keep their size where all have one. They are read and kept in memory as by ``ImageFolder``. Metrics take
    ``RandomFeatures``, which need no download: figures to compare runs on the same images, not with papers. There are
    none where fewer than 20 sources or images are held out.

    Args:
        root: Folder of both domains; or else ``sources`` and ``images`` are given.
        sources: Folder of A, anywhere.
        images: Folder of B, anywhere.
        direction: ``"BtoA"`` exchanges the two: B is given, A should come out.
        image_size: Height and width to which all are brought: shorter side resized, middle cropped.
        channels: Of images: 3 for RGB, 1 for gray.
        source_channels: Of sources.
        flip: Whether every other training image is mirrored.
        crop_margin: Pixels by which training images are resized larger, so that a window can be cut out at a random
            place; in papers 30, for windows of 256 x 256.
        skip_unreadable: Whether damaged files are left out, a pair with both of its images, with one line that counts
            them. Otherwise the first one stops the run.

    Raises:
        ConfigError: Folders are missing or hold no images; sizes differ, or lie under 8 pixels, and none is given; a
            pair does not fit together; or a setting is out of its range.
    """

    num_classes: int | None = None
    paired = True
    """Whether a source and the image beside it belong together."""

    def __init__(
        self,
        root: str | None = None,
        sources: str | None = None,
        images: str | None = None,
        direction: Literal["AtoB", "BtoA"] = "AtoB",
        image_size: int | None = None,
        channels: int = 3,
        source_channels: int = 3,
        flip: bool = True,
        crop_margin: int = 0,
        skip_unreadable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_reading(crop_margin, channels=channels, source_channels=source_channels)
        if image_size is not None and image_size < _MIN_SIDE:
            raise ConfigError("image_size", image_size, f"must be {_MIN_SIDE} or more")
        self.channels, self.source_channels = channels, source_channels
        self.flip, self.crop_margin, self.skip_unreadable = flip, crop_margin, skip_unreadable
        self._place = f"{sources} and {images}" if root is None else root
        self._folder_settings = ("sources", "images") if root is None else ("root", "root")
        train, test = self._find(root, sources, images)
        train_part, self._notes = self._pictures(*train), list[str]()
        if test is None:
            train_part, test_part = self._hold_out(*train_part)
        else:
            test_part = self._pictures(*test)
        if direction == "BtoA":
            train_part, test_part = train_part[::-1], test_part[::-1]
        self._train_part, self._test_part = train_part, test_part
        if (few := min(map(len, test_part))) < MIN_REAL:
            self._notes.append(f"metrics need {MIN_REAL} test images, and there are {few} in {self._place}")
        sizes = self._sizes() if image_size is None or self.paired else {}
        if self.paired:
            _check_pairs(sizes, *train_part)
            _check_pairs(sizes, *test_part)
        size = self._common_size(sizes) if image_size is None else (image_size, image_size)
        self.image_shape, self.source_shape = (channels, *size), (source_channels, *size)

    def load_train(self) -> BatchedDataset:
        """Decode what is not held out, or find out where it is; see ``ImageFolder``."""
        for note in self._notes:
            rank_zero_warn(note, category=LightningGANsWarning)
        return self._dataset(*self._train_part, self.crop_margin)

    def load_test(self) -> BatchedDataset:
        """Decode what is held out, or find out where it is."""
        return self._dataset(*self._test_part, 0)

    @property
    def reference_dataset(self) -> BatchedDataset:
        """What is held out: a translator that has seen the answer proves nothing."""
        return self.test_dataset

    def features(self) -> RandomFeatures | None:
        """Random ones, if enough is held out."""
        return RandomFeatures() if min(map(len, self._test_part)) >= MIN_REAL else None

    @abstractmethod
    def _dataset(self, sources: _Domain, images: _Domain, margin: int) -> BatchedDataset:
        """Sources and images, larger by a margin than they shall be."""

    def _load(self, pictures: Sequence[tuple[Picture, ...]], channels: list[int], margin: int) -> BatchedDataset:
        height, width = self.image_shape[1:]
        files = FileDataset(pictures, None, channels, (height + margin, width + margin))
        return files.load(self._place, self.skip_unreadable)

    def _find(self, root: str | None, sources: str | None, images: str | None) -> tuple[_Folders, _Folders | None]:
        """The folders for training, and those for the test, if there are any."""
        if root is None and sources is not None and images is not None:
            return (Path(sources), Path(images)), None
        if root is None or sources is not None or images is not None:
            raise ConfigError("root", root, "give this, the folder of both domains, or else both sources and images")
        if not Path(root).is_dir():
            raise ConfigError("root", root, "no such folder")
        train, test, val = (self._below(Path(root), part) for part in ("train", "test", "val"))
        alone = Path(root, "A"), Path(root, "B")
        if train is None and not any(folder.is_dir() for folder in alone):
            wide = "train with A and B side by side in each image, " if self.paired else ""
            raise ConfigError("root", root, f"holds neither {wide}trainA and trainB, A/train and B/train, nor A and B")
        return train or alone, test or val

    def _below(self, root: Path, part: str) -> _Folders | None:
        for a, b in _LAYOUTS:
            folders = root / a.format(part), root / b.format(part)
            if any(folder.is_dir() for folder in folders):
                return folders
        return (root / part, root / part) if self.paired and (root / part).is_dir() else None

    def _pictures(self, a: Path, b: Path) -> tuple[_Domain, _Domain]:
        """What lies in the folders of A and B."""
        if a.resolve() == b.resolve():
            raise ConfigError(self._folder_settings[1], str(b), f"is the folder of the sources too, {a}; give another")
        first, second = (
            {str(file.relative_to(folder)): Picture(file) for file in image_files(folder, setting)}
            for folder, setting in zip((a, b), self._folder_settings, strict=True)
        )
        return first, second

    def _hold_out(self, a: _Domain, b: _Domain) -> tuple[tuple[_Domain, _Domain], tuple[_Domain, _Domain]]:
        """Training and test."""
        (train_a, test_a), (train_b, test_b) = hold_out(a), hold_out(b)
        counts = f"{len(test_a)} of {len(a)} " + (
            "pairs" if self.paired else f"sources, {len(test_b)} of {len(b)} images"
        )
        self._notes.append(f"no test images in {self._place}: {counts} are held out, by a hash of their names")
        return (train_a, train_b), (test_a, test_b)

    def _sizes(self) -> dict[Picture, tuple[int, int]]:
        """Width and height of all pictures, but for damaged ones, which loading leaves out."""
        sizes = {}
        for domain in (*self._train_part, *self._test_part):
            for picture in domain.values():
                try:
                    sizes[picture] = picture.size()
                except ConfigError:
                    if not self.skip_unreadable:
                        raise
        return sizes

    def _common_size(self, sizes: dict[Picture, tuple[int, int]]) -> tuple[int, int]:
        """Height and width of all."""
        if not sizes:
            raise ConfigError("root", self._place, "none of its images can be read")
        (first, size), *others = sizes.items()
        for picture, other in others:
            if other != size:
                hint = f"{first.file} is {_times(size)} pixels, {picture.file} {_times(other)}; give a size for all"
                raise ConfigError("image_size", None, hint)
        if min(size) < _MIN_SIDE:
            raise ConfigError("image_size", None, f"{first.file} is {_times(size)} pixels; give {_MIN_SIDE} or more")
        width, height = size
        return height, width


class PairedImages(DomainFolders):
    """Pairs of a source and the image that should come out: ``train`` with both side by side, or two folders.

    A downloaded data set of pix2pix works as it is: ``train`` and ``test`` or ``val``, the left half of each image A,
    the right half B; so does one folder that is given as ``sources`` and ``images``. Else see ``DomainFolders``; the
    two of a pair then have the same name in both folders, whatever the suffix, and the same size. Both are flipped and
    cut alike.
    """

    def metrics(self) -> dict[str, Metric]:
        """L1, PSNR and SSIM."""
        return paired_metrics()

    def _dataset(self, sources: _Domain, images: _Domain, margin: int) -> BatchedDataset:
        pairs = list(zip(images.values(), sources.values(), strict=True))
        return self._load(pairs, [self.channels, self.source_channels], margin)

    def _pictures(self, a: Path, b: Path) -> tuple[_Domain, _Domain]:
        if a.resolve() == b.resolve():
            names = {str(file.relative_to(a)): file for file in image_files(a, "root")}
            left, right = ({name: Picture(file, half) for name, file in names.items()} for half in (0, 1))
            return left, right
        first, second = map(_by_stem, super()._pictures(a, b))
        if alone := sorted(first.keys() ^ second.keys()):
            file, other = (first[alone[0]].file, b) if alone[0] in first else (second[alone[0]].file, a)
            raise ConfigError("image", str(file), f"has no partner of its name in {other}; add that, or remove this")
        return first, {name: second[name] for name in first}


class UnpairedImages(UnpairedData, DomainFolders):
    """Sources and images that do not belong together: ``trainA``, ``trainB``, ``testA``, ``testB``, or any two folders.

    A downloaded data set of CycleGAN works as it is; else see ``DomainFolders``. An epoch is as long as the larger
    domain; each source is seen beside an image drawn at random, and each is flipped and cut by itself.
    """

    def _dataset(self, sources: _Domain, images: _Domain, margin: int) -> BatchedDataset:
        return UnpairedDataset(
            self._load([(picture,) for picture in sources.values()], [self.source_channels], margin),
            self._load([(picture,) for picture in images.values()], [self.channels], margin),
        )


def _check_pairs(sizes: dict[Picture, tuple[int, int]], sources: _Domain, images: _Domain) -> None:
    """Refuse a pair of two sizes, as far as they are known."""
    for source, image in zip(sources.values(), images.values(), strict=True):
        one, other = sizes.get(source), sizes.get(image)
        if one and other and one != other:
            hint = f"is {_times(other)} pixels, its partner {source.file} {_times(one)}; resize one of them"
            raise ConfigError("image", str(image.file), hint)


def _by_stem(domain: _Domain) -> _Domain:
    """By names without suffixes."""
    found: _Domain = {}
    for name, picture in domain.items():
        other = found.setdefault(str(Path(name).with_suffix("")), picture)
        if other is not picture:
            raise ConfigError("image", str(picture.file), f"has the name of {other.file.name}; remove one of them")
    return found


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
