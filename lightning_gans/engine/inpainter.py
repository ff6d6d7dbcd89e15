"""What completes images: a generator of what is missing in them."""

from typing import Any

import torch
from torch import Tensor

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine.translator import Translator
from lightning_gans.errors import ConfigError


class Inpainter(Translator):
    """A game one of whose networks fills holes: what is known of a source comes back as it was, bit by bit.

    Whatever a source shows in its holes is hidden: it becomes middle gray, 0, before any network sees it.

    Args:
        generator: From sources (N, C, H, W) in [-1, 1] with gray holes, and masks (N, 1, H, W), 1 where something is
            missing, to images (N, C, H, W).
    """

    given = ("source", "mask")

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """The mask is a channel more of the generator's source; the discriminator sees images."""
        told = {"image_shape": data["image_shape"]}
        if role == "generator" and (shape := data["image_shape"]) is not None:
            told["source_shape"] = (shape[0] + 1, *shape[1:])
        return told

    def prepare(self, batch: Any) -> Batch:
        """See ``Game``; with gray holes."""
        found = super().prepare(batch)
        return found._replace(condition=_hidden(found.condition))

    def generate(self, condition: Condition, **settings: Any) -> Tensor:
        """See ``Translator``; the condition has masks (n, 1, H, W) beside the sources."""
        return super().generate(_hidden(condition.only(self.given)), **settings)

    def finished(self, images: Tensor, given: Condition) -> Tensor:
        """What is known of the source, and the network's image in the holes."""
        assert given.source is not None
        assert given.mask is not None
        # Not rounded, as images are in mixed precision.
        return torch.where(given.mask > 0, images.type(given.source.dtype), given.source)

    def channels_of(self, direction: str = "AtoB") -> int | None:
        """See ``Translator``; a generator that says how many channels it is given counts the mask among them."""
        found = super().channels_of(direction)
        return found if found is None or self.source_shape is not None else found - 1

    def translate(self, images: Tensor, *, mask: Tensor | None = None, **settings: Any) -> Tensor:
        """Complete images (N, C, H, W) in [-1, 1] where masks (N, 1, H, W) are 1.

        Raises:
            ConfigError: There is no mask.
        """
        if mask is None:
            raise ConfigError("mask", None, "say what is missing: (N, 1, H, W), 1 where something is, 0 elsewhere")
        return self.generate(Condition(source=images, mask=mask), n=len(images), **settings)


def _hidden(condition: Condition) -> Condition:
    """A condition whose source is gray in its holes."""
    source, mask = condition.source, condition.mask
    assert source is not None
    assert mask is not None
    if mask.shape != (len(source), 1, *source.shape[2:]):
        hint = f"must be {(len(source), 1, *source.shape[2:])}, a channel for sources of {tuple(source.shape)}"
        raise ConfigError("mask", tuple(mask.shape), hint)
    missing = mask.to(source.device) > 0  # a user's mask may say 255 or True for 1
    return condition._replace(
        source=torch.where(missing, torch.zeros_like(source), source), mask=missing.type(source.dtype)
    )
