"""What depends on the real images alone: computed once, kept in memory and on disk."""

import os
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path

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
    """Real images as features, with what follows from them."""

    statistics: ReferenceStatistics
    logits: Tensor | None  # (N, K); None where the extractor knows no classes
    split_half_scores: dict[str, float] | None = None  # one half of the images against the other, once known

    @property
    def batch(self) -> FeatureBatch:
        """Features and logits of all images."""
        return FeatureBatch(self.statistics.features, self.logits)


def load_reference(folder: Path | None, key: str) -> Reference | None:
    """What the folder keeps under a key; None where there is nothing, or it cannot be read. The first process reads."""
    if folder is None or rank() != 0 or not (path := folder / f"{key}.pt").is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        statistics = ReferenceStatistics.from_dict(found["statistics"])
        return Reference(statistics, found["logits"], found["split_half_scores"])
    except Exception as error:  # whatever is wrong with it, the images are still there
        warnings.warn(f"{path} is damaged ({type(error).__name__}); computing it again", stacklevel=2)
        return None


def store_reference(folder: Path | None, key: str, reference: Reference) -> None:
    """Write a file, which is renamed into place when it is complete. The first process writes."""
    if folder is None or rank() != 0:
        return
    content = {
        "statistics": reference.statistics.to_dict(),
        "logits": reference.logits,
        "split_half_scores": reference.split_half_scores,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{key}.{uuid.uuid4().hex}.part"
        try:
            torch.save(content, part)
            part.replace(folder / f"{key}.pt")
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        warnings.warn(f"{folder} cannot be written ({error}); the statistics are not kept", stacklevel=2)
