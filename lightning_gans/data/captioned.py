"""Emoji by their names, and a user's own images with captions."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from torchmetrics import Metric

from lightning_gans.data.captions import CaptionedData, CaptionedDataset
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.data.emoji import Emoji
from lightning_gans.data.emoji_images import Emoji as Record
from lightning_gans.data.emoji_images import Split, load_emoji, shared_rows
from lightning_gans.data.folder import FileDataset, HeldOutFolder, Picture
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import DominantHue, RPrecision
from lightning_gans.text import JointEmbedding

_METADATA = ("metadata.jsonl", "metadata.csv")


class CaptionedEmoji(CaptionedData, Emoji):
    """Emoji with their names, and their names with tags; see ``Emoji``.

    Of what is held out no variant was trained on. Batches are dicts: ``"image"``, ``"text"`` and ``"label"``.

    Example:
        >>> from lightning_gans.data.emoji_images import emoji_records
        >>> captions_of(emoji_records()[565])
        ['guide dog', 'guide dog: accessibility, animal, blind, dog, guide']
    """

    def metrics(self) -> dict[str, Metric]:
        """How often a caption is found by the image that it became, and how often that has the right main color."""
        test = self.test_dataset
        assert isinstance(test, CaptionedDataset)
        held_out = [test.captions(index)[0] for index in range(len(test))]
        return {"r_precision": RPrecision(emoji_matcher(), held_out), "dominant_hue": DominantHue()}

    def _part(self, split: Split) -> CaptionedDataset:
        rows, _ = shared_rows(self.style, self.style, split)
        _, records = load_emoji(self.style)
        return self.captioned(super()._part(split), [captions_of(records[row]) for row in rows.tolist()])


def captions_of(emoji: Record) -> list[str]:
    """The name of an emoji, and name and tags, if it has any."""
    return [emoji.name, *([f"{emoji.name}: {', '.join(emoji.tags)}"] if emoji.tags else [])]


def emoji_matcher() -> JointEmbedding:
    """What ``CaptionedEmoji`` measures with: trained on names and tags of the emoji, in color, that are not held out.

    Of 100 names it ranks the own one first for 23% of OpenMoji's real drawings that are held out. Made by
    ``python scripts/train_emoji_matcher.py --output matcher.safetensors``.
    """
    with as_file(files(__package__) / "assets" / "emoji" / "matcher.safetensors") as path:
        return JointEmbedding(weights=path)


class CaptionedImages(CaptionedData, HeldOutFolder):
    """A user's own images with captions, one or more of each, as Hugging Face's ``imagefolder`` or beside each image.

    ``metadata.jsonl`` or ``metadata.csv`` lies beside the images, or in a folder above them, and has ``file_name``,
    relative to its own folder, and ``text``: a caption, or in the former a list of them; an image may have several
    rows. Or ``NAME.txt`` lies beside ``NAME.png``, a caption a line. See ``HeldOutFolder``.

    Args:
        flip: Whether every other training image is mirrored, whatever its caption says of left and right.

    Raises:
        ConfigError: An image has no caption, a file that is named is missing, or captions cannot be read.
    """

    def __init__(self, *args: Any, flip: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, flip=flip, **kwargs)
        listed = _listed(Path(self.root))
        pictures = [*self.train_files, *self.test_files]
        self._captions = {file: listed.get(file.resolve()) or _beside(file) for file in pictures}

    def _dataset(self, files: Sequence[Path]) -> CaptionedDataset:
        side = self.image_size
        pictures = [(Picture(file),) for file in files]
        # Numbers in the place of labels say which are left when damaged ones are left out.
        numbered = FileDataset(pictures, torch.arange(len(files)), [self.channels], (side, side))
        images = numbered.load(str(self.root), self.skip_unreadable)
        assert isinstance(images, FileDataset | ImageDataset)
        assert images.labels is not None
        left, images.labels = images.labels.tolist(), None
        return self.captioned(images, [self._captions[files[number]] for number in left])


def _listed(root: Path) -> dict[Path, list[str]]:
    """The captions of images, by their resolved paths, in all files of metadata below a folder."""
    found: dict[Path, list[str]] = {}
    for metadata in sorted(path for name in _METADATA for path in root.rglob(name)):
        for line, row in enumerate(_rows(metadata), 1):
            name, captions = _named(metadata, line, row)
            file = metadata.parent / name
            if not file.is_file():
                raise ConfigError("file_name", name, f"row {line} of {metadata} names it, and there is no such file")
            found.setdefault(file.resolve(), []).extend(captions)
    return found


def _rows(metadata: Path) -> Iterator[Any]:
    text = _text_of(metadata)
    if metadata.suffix == ".csv":
        yield from csv.DictReader(io.StringIO(text, newline=""))
        return
    for line, row in enumerate(text.split("\n"), 1):
        try:
            yield from [json.loads(row)] if row.strip() else []
        except ValueError as error:
            raise ConfigError("metadata", str(metadata), f"line {line} is no JSON ({error})") from None


def _named(metadata: Path, line: int, row: Any) -> tuple[str, list[str]]:
    """The file and the captions of a row."""
    name, text = (row.get("file_name"), row.get("text")) if isinstance(row, Mapping) else (None, None)
    captions: list[Any] = text if isinstance(text, list) else [text]
    if not name or not captions or not all(isinstance(each, str) for each in [name, *captions]):
        what = "a caption" if metadata.suffix == ".csv" else "a caption or a list of them"
        raise ConfigError("metadata", str(metadata), f"row {line} needs 'file_name' and 'text', {what}")
    return str(name), captions


def _beside(image: Path) -> list[str]:
    """The captions in the text file of an image's name."""
    file = image.with_suffix(".txt")
    if not file.is_file():
        hint = f"has no caption; write one to {file.name} beside it, or to {_METADATA[0]}, or remove it"
        raise ConfigError("image", str(image), hint)
    captions = [line.strip() for line in _text_of(file).splitlines() if line.strip()]
    if not captions:
        raise ConfigError("captions", str(file), f"is empty; write a caption of {image.name} a line")
    return captions


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("captions", str(file), f"cannot be read as UTF-8 ({error})") from None
