"""What class-conditional games share: labels go into the generator, and with its samples wherever they go."""

from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import labels_of
from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.randomness import Prior, indexed_draw, mix
from lightning_gans.errors import ConfigError

_PANEL_COLUMNS = 8


class Conditional(LatentModel):
    """Labels: ``generator(z, labels)``, and (images, labels) for who judges. To be mixed in before ``GAN`` or another.

    Args:
        args: Networks, as of the class that it is mixed into.
        num_classes: Number of classes; the command line takes it from the data.
        kwargs: As of the class that it is mixed into.

    Raises:
        ConfigError: There are no classes.
    """

    def __init__(self, *args: Any, num_classes: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if num_classes is None or num_classes < 1:
            hint = "a conditional model needs data with labels, such as an ImageFolder with a folder for each class"
            raise ConfigError("num_classes", num_classes, hint)
        self.num_classes = num_classes

    @classmethod
    def facts(cls, role: str, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """Networks of this package that know labels are told of ``classes``."""
        found = super().facts(role, facts, settings)
        return found | {"classes": found["num_classes"]}

    def real(self, batch: Any) -> tuple[Tensor, ...]:
        """(images, labels)."""
        return self.images(batch), labels_of(batch)

    def fake(self, batch: Any, z: Tensor | None = None) -> tuple[Tensor, ...]:
        """(generated images, the labels that they were made for): those of the batch."""
        labels = labels_of(batch)
        return self.generator(self.latent(batch) if z is None else z, labels), labels

    def labels(self, first: int, last: int, seed: int) -> Tensor:
        """The classes of samples ``first`` to ``last`` where none are asked for: uniform, from (seed, index), (N,)."""
        uniform = indexed_draw(torch.rand, mix(seed, 1), first, last)
        return (uniform * self.num_classes).long()

    def sampling_inputs(
        self, first: int, last: int, seed: int, prior: Prior, labels: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """(latents, labels)."""
        labels = self.labels(first, last, seed) if labels is None else labels
        return *super().sampling_inputs(first, last, seed, prior), *self.conditions(labels)

    def conditions(self, labels: Tensor | None) -> tuple[Tensor, ...]:
        """(labels,).

        Raises:
            ConfigError: There are none.
        """
        if labels is None:
            raise ConfigError("labels", None, f"{type(self).__name__} is conditional: give one for each image")
        return (labels.to(self.device),)

    def panels(self, real: Tensor | None, labels: Tensor | None = None, seed: int = 0) -> dict[str, Tensor]:
        """``classes``: a row for each class, a column for each latent."""
        classes = torch.arange(self.num_classes).repeat_interleave(_PANEL_COLUMNS)
        z, *_ = self.sampling_inputs(0, _PANEL_COLUMNS, seed, self.prior)
        with torch.no_grad():
            images: Tensor = self(z.repeat(self.num_classes, 1), *self.conditions(classes))
        rows = images.float().cpu().unflatten(0, (self.num_classes, _PANEL_COLUMNS))
        return super().panels(real, labels, seed) | {"classes": rows}
