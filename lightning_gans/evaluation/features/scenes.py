"""The judge of drawn scenes: what an image shows, attribute by attribute."""

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.classifier import VERSION, _ShippedFeatures
from lightning_gans.evaluation.features.extractor import FeatureBatch, describe, full_precision
from lightning_gans.images import from_uint8


class ScenesFeatures(_ShippedFeatures):
    """What the scenes of ``Scenes`` show, told by a small network: RGB images, 64 features. Needs no network.

    It was trained at 32 x 32 pixels on all pairs of color and shape; larger images are averaged to that. ``facts`` hold
    its accuracies on drawn scenes, and the names that attributes are numbers of, ``"heads"``. Made by
    ``python scripts/train_scenes_features.py --output scenes.safetensors``.

    Example:
        >>> ScenesFeatures().attributes(torch.zeros(2, 3, 64, 64, dtype=torch.uint8)).shape
        torch.Size([2, 7])
    """

    preprocessing = f"uint8 in [0, 255] to float x / 127.5 - 1, averaged to 32x32; classifier version {VERSION}"

    def __init__(self) -> None:
        super().__init__("scenes.safetensors")
        self.heads: dict[str, list[str]] = dict(self.facts["heads"])
        self._side = self.classifier.image_shape[1]
        self.image_shape = self.num_classes = None

    def check(self, images: Tensor) -> None:
        """Refuse what is not a batch of square RGB uint8 images with a side that is a multiple of 32."""
        super().check(images)
        channels, height, width = images.shape[1:]
        if channels != 3 or height != width or height % self._side or height == 0:
            hint = f"features {self.name!r} take (N, 3, H, H), H a multiple of {self._side}"
            raise ConfigError("images", describe(images), hint)

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, 64)``, no logits: an image has several attributes, and no class."""
        return FeatureBatch(self._scores(images)[0])

    def attributes(self, images: Tensor) -> Tensor:
        """Relation, then shape, color and size of the first and of the second object: int64 (N, 7) of uint8 images.

        The first object is the upper or the left one. Numbers are places in the lists of ``heads``; relation 0 is that
        of one object, and the second's attributes are then -1.
        """
        self.check(images)
        with torch.no_grad(), full_precision(), torch.autocast(images.device.type, enabled=False):
            _, logits = self._scores(images.to(self.device(images.device)))
        found = [part.argmax(1) for part in logits.split([len(names) for names in self.heads.values()], dim=1)]
        attributes = torch.stack(found, dim=1)  # (N, 7)
        attributes[attributes[:, 0] == 0, 4:] = -1
        return attributes

    def _scores(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.classify(nn.functional.avg_pool2d(from_uint8(images), images.shape[-1] // self._side))
