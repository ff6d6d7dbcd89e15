"""Energy of images where real ones have little: the principal components as a metric."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.principal import principal_components, residual_energy
from lightning_gans.evaluation.metrics.images import ImageSetMetric, spread_out


class ResidualEnergy(ImageSetMetric):
    """Share of the energy of images outside the real ones' first principal components, see ``residual_energy``.

    The real images are halved by chance. ``residual_energy`` is that of the fakes outside the components of one half, a
    mean over both halves; ``residual_energy_real`` that of each half outside the components of the other; and
    ``residual_energy_ratio`` the first over the second. It is 1 for images like the real ones, larger under speckle or
    patterns that real images lack, smaller for a blur and for copies of the real images, of which the components are.
    It knows nothing of variety: read a figure of that beside.

    Pixels count as they are, and no network is asked. Of images (C, H, W) with D = C H W numbers it takes
    n = ``num_images`` / 2 a half, at equal distances in the order of updates, for a decomposition of min(n, D)^3 steps.

    Args:
        num_components: Of each half; where there are few real images, half as many as a half has.
        num_images: At most so many real ones.
        kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        ConfigError: There is no component, or no two real images for each.
    """

    higher_is_better = None  # the ratio is best at 1
    higher_is_better_by_name: ClassVar[dict[str, bool | None]] = {
        "residual_energy": None,
        "residual_energy_real": None,
        "residual_energy_ratio": None,
    }

    def __init__(self, num_components: int = 64, num_images: int = 2048, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_components < 1:
            raise ConfigError("num_components", num_components, "must be 1 or more")
        if num_images < 4 * num_components:
            hint = f"{num_components} components take {4 * num_components} images or more"
            raise ConfigError("num_images", num_images, hint)
        self.num_components, self.num_images = num_components, num_images

    def compute(self) -> dict[str, Tensor]:
        """The values from all images of all processes, float64 on the CPU.

        Raises:
            ConfigError: There are fewer than four real images, or no fake.
        """
        real, fake = self.sets()
        if len(real) < 4:
            raise ConfigError("real", f"{len(real)} images", "at least 4 are needed for components of halves")
        real, fake = spread_out(real, self.num_images).flatten(1), fake.flatten(1)  # (N, D)
        halves = real[torch.randperm(len(real), generator=torch.Generator().manual_seed(0))].tensor_split(2)
        count = min(self.num_components, len(halves[1]) // 2, real.shape[1])
        components = [principal_components(half, count) for half in halves]
        of_fakes = torch.stack([residual_energy(fake, each) for each in components]).mean()
        crossed = zip(halves, reversed(components), strict=True)
        of_real = torch.stack([residual_energy(half, each) for half, each in crossed]).mean()
        values = (of_fakes, of_real, of_fakes / of_real)
        return dict(zip(self.higher_is_better_by_name, values, strict=True))
