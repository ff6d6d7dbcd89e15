"""What depends on the real images alone: computed once, kept in memory and on disk."""

import os
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightning_gans.engine.processes import rank
from lightning_gans.evaluation.features import FeatureBatch
from lightning_gans.evaluation.metrics.functional import ReferenceStatistics


def default_cache() -> Path:
    """Where statistics of real images are kept: ``~/.cache/lightning_gans``, or ``LIGHTNING_GANS_CACHE``."""
    return Path(os.environ.get("LIGHTNING_GANS_CACHE") or Path.home() / ".cache" / "lightning_gans")


@dataclass
class Reference:
    """Real images as features, with what follows from them.

    Attributes:
        statistics: Of their features.
        logits: (N, K); None where the extractor knows no classes.
        split_half_scores: The figures of one half of the images against the other, once they are known.
    """

    statistics: ReferenceStatistics
    logits: Tensor | None
    split_half_scores: dict[str, float] | None = None

    def __len__(self) -> int:
        return len(self.statistics)

    def rows(self, index: Tensor) -> FeatureBatch:
        """Features and logits of some of the images."""
        return FeatureBatch(self.statistics.features[index], None if self.logits is None else self.logits[index])

    def to_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers."""
        scores = self.split_half_scores
        return {"statistics": self.statistics.to_dict(), "logits": self.logits, "split_half_scores": scores}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Reference":
        """What ``to_dict`` wrote."""
        statistics = ReferenceStatistics.from_dict(content["statistics"])
        return cls(statistics, content["logits"], content["split_half_scores"])


class ReferenceCache:
    """References in a folder, one file for each key; the first process reads and writes.

    Args:
        folder: None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, key: str) -> Reference | None:
        """The reference with that key; None where there is none, or it cannot be read."""
        if self.folder is None or rank() != 0 or not (path := self.folder / f"{key}.pt").is_file():
            return None
        try:
            return Reference.from_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # whatever is wrong with it, the images are still there
            warnings.warn(f"{path} is damaged ({type(error).__name__}); computing it again", stacklevel=2)
            return None

    def store(self, key: str, reference: Reference) -> None:
        """Write a file, which is renamed into place when it is complete."""
        if self.folder is None or rank() != 0:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / f"{key}.{uuid.uuid4().hex}.part"
            try:
                torch.save(reference.to_dict(), part)
                part.replace(self.folder / f"{key}.pt")
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(f"{self.folder} cannot be written ({error}); the statistics are not kept", stacklevel=2)
