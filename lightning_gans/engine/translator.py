"""What generates from images: a generator that turns one into another."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine.ema import batch_norms, eval_mode
from lightning_gans.engine.game import Game
from lightning_gans.engine.protocols import enlarges
from lightning_gans.engine.rng import fold_in
from lightning_gans.errors import ConfigError


class Translator(Game):
    """A game one of whose networks turns source images into images.

    Args:
        generator: From sources (N, c, h, w), and what else is ``given``, to images (N, C, H, W), all in [-1, 1].
        source_shape: Shape of one source (c, h, w), as far as it is known; the command line takes it from the data.
        stochastic: Whether images are generated as pix2pix's authors did at test time, with dropout and with batch norm
            of the image itself, one by one; what is drawn for image i follows from (seed, i). Else in eval mode, in
            which a source has one translation.
    """

    given: Sequence[str] = ("source",)
    directions: ClassVar[Mapping[str, str]] = {"AtoB": "generator"}
    """Which way can be translated, A being the sources and B the images, and by which network."""

    def __init__(
        self, generator: nn.Module, *, source_shape: Any = None, stochastic: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.generator, self.stochastic = generator, stochastic
        shape = source_shape if source_shape is not None else getattr(generator, "source_shape", None)
        self.source_shape: tuple[int, ...] | None = None if shape is None else tuple(shape)

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """What the command line tells the network in an argument; see ``LatentModel.network_kwargs``."""
        return {name: data[name] for name in ("image_shape", "source_shape")}

    def ema_modules(self) -> dict[str, nn.Module]:
        """What translates."""
        return {name: getattr(self, name) for name in self.directions.values()}

    @torch.no_grad()
    def generate(
        self,
        condition: Condition,
        *,
        n: int,
        seed: int = 0,
        start: int = 0,
        ema: bool = True,
        direction: str = "AtoB",
    ) -> Tensor:
        """Generate images (n, C, H, W) in [-1, 1], float32, on the model's device.

        A function of the condition, which has the sources (n, c, h, w) in [-1, 1], and of (seed, i) where noise is
        used, i counted from ``start``; with averaged weights, where there are any, or the raw ones. In the direction
        ``"BtoA"``, for models that know it, what is given is one of the images, and a source comes out.

        Raises:
            ConfigError: Something that the model is given is missing, the sources have other channels, or the model
                does not know the direction.
        """
        network = self.network_of(direction, ema=ema)
        given = condition.only(self.given).map(lambda t: t.to(self.device))
        given = given.map(lambda t: t.type(self.dtype) if t.is_floating_point() else t)
        source, channels = given.source, self.channels_of(direction)
        if source is None or len(source) != n:
            raise ConfigError("condition", "no source" if source is None else len(source), f"{n} sources are needed")
        if channels is not None and source.shape[1] != channels:
            raise ConfigError(
                "source", f"{source.shape[1]} channels", f"the model takes sources of {channels} channels"
            )
        if not self.stochastic:
            with eval_mode(network):
                images: Tensor = network(*given.tensors())
            return self.finished(images, given).float()
        drawn = []
        devices = [self.device] if self.device.type == "cuda" else []
        for i in range(n):
            with torch.random.fork_rng(devices), _without_a_trace(network):
                torch.manual_seed(fold_in(seed, start + i))
                drawn.append(network(*(part[i : i + 1] for part in given.tensors())))
        return self.finished(torch.cat(drawn), given).float()

    def finished(self, images: Tensor, given: Condition) -> Tensor:
        """What comes out, of what a network made; where a part of the source is kept, a model says so here."""
        return images

    @property
    def scale(self) -> int:
        """How many times as large as its source an image is."""
        return self.generator.scale if enlarges(self.generator) else 1

    @property
    def overlap(self) -> int | None:
        """Pixels of the source around a part of it by which that is enlarged as in the whole; None where all count."""
        return self.generator.overlap if enlarges(self.generator) else None

    def network_of(self, direction: str, *, ema: bool = True) -> nn.Module:
        """The network that translates in a direction, averaged if there is an average."""
        if direction not in self.directions:
            hint = f"{type(self).__name__} translates {' and '.join(self.directions)}"
            raise ConfigError("direction", direction, hint)
        name = self.directions[direction]
        network: nn.Module = self.ema[name] if ema and self.ema is not None else getattr(self, name)
        return network

    def channels_of(self, direction: str = "AtoB") -> int | None:
        """Channels of what is given in a direction; None where that is not known."""
        if direction == "AtoB" and self.source_shape is not None:
            return self.source_shape[0]
        found: int | None = getattr(self.network_of(direction, ema=False), "source_channels", None)
        return found

    def translate(self, images: Tensor, *, seed: int = 0, ema: bool = True, direction: str = "AtoB") -> Tensor:
        """Translate images (N, c, h, w) in [-1, 1] to (N, C, H, W): ``generate`` with these as sources."""
        return self.generate(Condition(source=images), n=len(images), seed=seed, ema=ema, direction=direction)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Translations of a batch: of its sources, or of a bare tensor of images."""
        found = Batch.of(batch)
        if found.condition.source is None and found.image is not None:
            found = found._replace(condition=found.condition._replace(source=found.image))
        return self.generate(found.condition, n=found.size)

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """Further pictures than those of sources, translations and targets, of pairs on the CPU; none."""
        return {}


@contextmanager
def _without_a_trace(network: nn.Module) -> Iterator[None]:
    """Train mode for a while, which leaves batch norm's running statistics as they are."""
    norms = batch_norms(network)
    if any(isinstance(norm, nn.BatchNorm1d) for norm in norms):
        hint = "the network normalizes vectors over a batch, and an image by itself has one; leave it out"
        raise ConfigError("stochastic", True, hint)
    with eval_mode(network):
        network.train()
        for norm in norms:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True
