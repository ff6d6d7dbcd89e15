"""Earlier generated images, which a discriminator is shown again."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import Condition, Sample
from lightning_gans.engine.processes import gather_rows, rank, world_size
from lightning_gans.regularizers import Rand


class History(nn.Module):
    """A pool of generated images with what they go with; a part of the checkpoint, the same on all processes.

    Until it is full, images are kept and given back as they are; then each goes, with probability one half, in the
    place of a random earlier one, which is given back instead. Shrivastava et al. 2017, arXiv:1612.07828, section 2.3;
    Zhu et al. 2017, arXiv:1703.10593, section 4, has a ``size`` of 50 images.
    """

    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("count", torch.tensor(0))
        self._filled = 0  # the same where reading it does not wait for the device

    def forward(self, sample: Sample, rand: Rand) -> Sample:
        """Generated samples (N, ...) with their latents and conditions, some of them earlier ones; detached."""
        parts = {"image": sample.image, "latent": sample.latent, **sample.condition._asdict()}
        present = {name: gather_rows(part.detach()) for name, part in parts.items() if part is not None}
        for name, part in present.items():
            if not hasattr(self, f"earlier_{name}"):
                self.register_buffer(f"earlier_{name}", part.new_zeros(self.size, *part.shape[1:]))
        swaps, slots = (gather_rows(rand(torch.rand, sample.size)).tolist() for _ in range(2))
        chosen = {name: part.clone() for name, part in present.items()}
        for row, (swap, slot) in enumerate(zip(swaps, slots, strict=True)):
            filling, swapped = self._filled < self.size, swap >= 0.5
            place = self._filled if filling else int(slot * self.size)
            for name, part in present.items():  # all parts of a row together
                earlier: Tensor = getattr(self, f"earlier_{name}")
                if not filling and swapped:
                    chosen[name][row] = earlier[place]
                if filling or swapped:
                    earlier[place] = part[row]
            self._filled += int(filling)
        self.count.fill_(self._filled)
        own = {name: part[rank() :: world_size()] for name, part in chosen.items()}
        changed: dict[str, Any] = {name: own.pop(name) for name in ("image", "latent") if name in own}
        return sample._replace(condition=Condition(**own), **changed)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the pool's buffers, whose shape the first images gave, from a checkpoint."""
        for key, value in state_dict.items():
            name = key.removeprefix(prefix)
            if key.startswith(prefix) and name.startswith("earlier_") and not hasattr(self, name):
                self.register_buffer(name, torch.zeros_like(value, device=self.count.device))
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._filled = int(self.count)
