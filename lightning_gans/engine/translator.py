"""What generates from images: a generator that turns one into another."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine.ema import eval_mode
from lightning_gans.engine.game import Game
from lightning_gans.errors import ConfigError


class Translator(Game):
    """A game one of whose networks turns source images into images.

    Args:
        generator: From sources (N, c, h, w), and what else is ``given``, to images (N, C, H, W), all in [-1, 1].
        source_shape: Shape of one source (c, h, w), as far as it is known; the command line takes it from the data.
    """

    given = ("source",)
    directions: tuple[str, ...] = ("AtoB",)
    """Which ways it translates: from sources to images, and perhaps ``"BtoA"``."""

    def __init__(self, generator: nn.Module, *, source_shape: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generator = generator
        shape = source_shape if source_shape is not None else getattr(generator, "source_shape", None)
        self.source_shape: tuple[int, ...] | None = None if shape is None else tuple(shape)

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """What the command line tells the network in an argument; see ``LatentModel.network_kwargs``."""
        return {name: data[name] for name in ("image_shape", "source_shape")}

    def input_shape(self, direction: str = "AtoB") -> tuple[int, ...] | None:
        """Shape of one image (c, h, w) that is translated in that direction, as far as it is known."""
        return self.source_shape

    def ema_modules(self) -> dict[str, nn.Module]:
        """The generator."""
        return {"generator": self.generator}

    @torch.no_grad()
    def generate(self, condition: Condition, *, n: int, seed: int = 0, start: int = 0, ema: bool = True) -> Tensor:
        """Generate images (n, C, H, W) in [-1, 1], float32, on the model's device, in eval mode.

        A function of the condition, which has the sources (n, c, h, w) in [-1, 1], and of (seed, i) where noise is
        used, i counted from ``start``; with averaged weights, where there are any, or the raw ones.

        Raises:
            ConfigError: Something that the model is given is missing, or the sources have other channels.
        """
        given = condition.only(self.given).map(lambda t: t.to(self.device))
        given = given.map(lambda t: t.type(self.dtype) if t.is_floating_point() else t)
        source = given.source
        if source is None or len(source) != n:
            raise ConfigError("condition", "no source" if source is None else len(source), f"{n} sources are needed")
        if self.source_shape is not None and source.shape[1] != self.source_shape[0]:
            hint = f"the model takes sources of {self.source_shape[0]} channels"
            raise ConfigError("source", f"{source.shape[1]} channels", hint)
        network = self.ema["generator"] if ema and self.ema is not None else self.generator
        with eval_mode(network):
            images: Tensor = network(*given.tensors())
        return images.float()

    def translate(self, images: Tensor, *, seed: int = 0, ema: bool = True) -> Tensor:
        """Translate images (N, c, h, w) in [-1, 1] to (N, C, H, W): ``generate`` with these as sources."""
        return self.generate(Condition(source=images), n=len(images), seed=seed, ema=ema)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Translations of a batch: of its sources, or of a bare tensor of images."""
        found = Batch.of(batch)
        if found.condition.source is None and found.image is not None:
            found = found._replace(condition=Condition(source=found.image))
        return self.generate(found.condition, n=found.size)

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """Further pictures than those of sources, translations and targets, of pairs on the CPU; none."""
        return {}
