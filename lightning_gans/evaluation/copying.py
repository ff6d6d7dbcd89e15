"""Generated images beside those of the training that they are nearest to: has a generator learned, or memorized?"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import center_crop

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.evaluator import MIN_REAL, Evaluator
from lightning_gans.evaluation.files import ImageSource
from lightning_gans.evaluation.metrics.functional import copying_test, nearest_real_distance, nearest_samples
from lightning_gans.evaluation.report import Report

NUM_NEIGHBORS = 3  # that are shown of each sample


class TrainingImages(ImageSource):
    """Images as a training shows them: the middle of larger ones, and after all of them their mirror images if so.

    Args:
        source: The images.
        size: Height and width of the middle; None for whole images.
        mirrored: Whether mirror images are shown too.
    """

    def __init__(self, source: ImageSource, size: tuple[int, int] | None = None, *, mirrored: bool = False) -> None:
        self.source, self.size, self.mirrored = source, size, mirrored

    def __len__(self) -> int:
        return len(self.source) * (2 if self.mirrored else 1)

    def images(self, first: int, last: int) -> Tensor:
        """See ``ImageSource``."""
        count = len(self.source)
        parts = [self.source.images(first, min(last, count))] if first < count else []
        if last > count:
            parts.append(self.source.images(max(first - count, 0), last - count).flip(3))
        images = torch.cat(parts)
        return images if self.size is None else center_crop(images, list(self.size))

    def provenance(self) -> dict[str, Any]:
        """Of the images, and how they are shown."""
        size = {} if self.size is None else {"size": list(self.size)}
        return self.source.provenance() | size | ({"mirrored": True} if self.mirrored else {})


@dataclass(frozen=True)
class NearestTraining:
    """The training images that generated ones are nearest to.

    Attributes:
        distances: Distances in features to each, nearest first, (M, k), float64.
        index: Which ones, (M, k).
        held_out: Distance of each held-out image to its nearest training image, (H,), or None.
        provenance: Of training images and held-out ones, as plain data.
    """

    distances: Tensor
    index: Tensor
    held_out: Tensor | None
    provenance: dict[str, Any]

    def added_to(self, report: Report, suffix: str) -> Report:
        """A report with ``nearest_distance``, a median, and where images are held out ``near_copies`` and a p-value.

        What held-out images score is shown beside as what a perfect generator would. See ``copying_test``.
        """
        values = {"nearest_distance": self.distances[:, 0].median()}
        expected: dict[str, Tensor | float] = {}
        if self.held_out is not None:
            found = copying_test(self.distances[:, 0], self.held_out)
            values |= {"near_copies": found.near_copies, "p_value_copying": found.p_value}
            expected = {"nearest_distance": self.held_out.median(), "near_copies": 0.1}
        added = {name + suffix: float(value) for name, value in values.items()}
        beside = {name + suffix: float(value) for name, value in expected.items()}
        provenance = report.provenance | {"nearest": self.provenance}
        floors = report.real_vs_real | beside
        return replace(report, values=report.values | added, real_vs_real=floors, provenance=provenance)


def nearest_training(
    evaluator: Evaluator, fake: ImageSource, train: ImageSource, held_out: ImageSource | None = None
) -> NearestTraining:
    """Find the nearest training images of generated ones, and how near held-out ones are, in the evaluator's features.

    Images are extracted once more, except real ones that the evaluator knows. In one process.

    Raises:
        ConfigError: There are fewer than 20 training or held-out images, or they do not suit the extractor.
    """
    for name, source in (("train", train), ("held_out", held_out)):
        if source is not None and len(source) < MIN_REAL:
            raise ConfigError(name, f"{len(source)} images", f"at least {MIN_REAL} are needed for distances to compare")
    known = evaluator.real_features(train)
    distances, index = nearest_samples(known, evaluator.extract(fake).features, NUM_NEIGHBORS)
    new = None if held_out is None else nearest_real_distance(known, evaluator.real_features(held_out))[0]
    origin = {"train": train.provenance(), "held_out": None if held_out is None else held_out.provenance()}
    return NearestTraining(distances, index, new, origin)
