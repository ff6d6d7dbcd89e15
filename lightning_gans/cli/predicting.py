"""The work of ``lightning_gans predict``: what a model generates from a batch, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from lightning_gans.batch import Batch
from lightning_gans.callbacks.run_dir import relative_path
from lightning_gans.cli.image_files import write_image
from lightning_gans.errors import ConfigError


class PredictionWriter(BasePredictionWriter):
    """Writes the image that is generated for item i of the data as ``predictions/<i>.png``.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(write_interval="batch")
        self.folder, self.count = Path(folder) / "predictions", 0

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write a batch; its images are numbered as the batch says, or as the loader has dealt them out."""
        if not isinstance(prediction, Tensor) or prediction.ndim != 4:
            hint = "predict writes images (N, C, H, W); use trainer.predict in Python, or lightning_gans sample"
            raise ConfigError("predict", type(pl_module).__name__, hint)
        indices = Batch.of(batch).indices
        numbers = batch_indices if indices is None else indices.tolist()
        if not numbers:
            numbers = range(self.count, self.count + len(prediction))
        for number, image in zip(numbers, prediction, strict=True):
            write_image(image, self.folder / f"{number:06d}.png")
        self.count += len(prediction)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where they are."""
        if trainer.is_global_zero:
            print(f"predictions in {relative_path(self.folder)}", flush=True)


def prepare_prediction(model: LightningModule, data: LightningDataModule | None) -> None:
    """Check that a model predicts; data that do not say otherwise give their test loader.

    Args:
        model: The model.
        data: The data.

    Raises:
        ConfigError: The model generates nothing from a batch.
    """
    if not is_overridden("predict_step", model):
        raise ConfigError("predict", type(model).__name__, "the model has no predict_step; see lightning_gans sample")
    if data is not None and not is_overridden("predict_dataloader", data):
        data.predict_dataloader = data.test_dataloader  # type: ignore[method-assign]
