"""DINOv2 and CLIP, through Hugging Face transformers: the optional extra ``lightning-gans[foundation]``."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor


class _VisionTransformer(FeatureExtractor):
    """Images resized to the transformer's side by antialiased bicubic interpolation, scaled to [0, 1], normalized."""

    preprocessing = "gray to RGB; antialiased bicubic resize, rounded to uint8; (x / 255 - mean) / std; version 1"
    gray_or_rgb = True

    def __init__(
        self, name: str, model: nn.Module, side: int, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> None:
        super().__init__(name)
        self.model, self.side = model, side
        self.structure = str(getattr(model, "config", ""))  # heads and activations are no weights
        self.preprocessing = f"{self.preprocessing}; {side} pixels, mean {mean}, std {std}"
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.freeze()

    def prepared(self, images: Tensor) -> Tensor:
        """Images as the transformer takes them: (N, 3, side, side) float32."""
        from torchvision.transforms.functional import InterpolationMode, resize  # here, since only this needs it

        rgb = images.expand(-1, 3, -1, -1)
        resized: Tensor = resize(rgb, [self.side, self.side], InterpolationMode.BICUBIC, antialias=True)
        return (resized.float() / 255 - self.get_buffer("mean")) / self.get_buffer("std")


class DINOv2Features(_VisionTransformer):
    """The class token of DINOv2 (Oquab et al. 2023, arXiv:2304.07193): with it, FID is FD-DINOv2.

    Stein et al. 2023, arXiv:2306.04675, found it closest to human judgment; they use ViT-L/14 at 224 pixels.

    Args:
        weights: Folder that holds the model as ``save_pretrained`` writes it, or its name on the hub.
        download: Whether a name may be downloaded; otherwise it must be in the local cache.

    Raises:
        ConfigError: transformers is not installed, or the weights are not there.
    """

    def __init__(self, weights: str = "facebook/dinov2-large", *, download: bool = False) -> None:
        model = _pretrained("Dinov2Model", weights, download)
        super().__init__("dinov2", model, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, D)``; no classes."""
        return FeatureBatch(self.model(self.prepared(images)).last_hidden_state[:, 0])


class CLIPFeatures(_VisionTransformer):
    """CLIP's image embedding at unit length (Radford et al. 2021, arXiv:2103.00020): with it, MMD is CMMD.

    Jayasumana et al. 2024, arXiv:2401.09603: ViT-L/14 at 336 pixels, Gaussian kernel with sigma = 10, and the figure
    times 1,000: ``GaussianKernel(10.0)`` as the evaluation's kernel.

    Args:
        weights: Folder that holds the model as ``save_pretrained`` writes it, or its name on the hub.
        download: Whether a name may be downloaded; otherwise it must be in the local cache.

    Raises:
        ConfigError: transformers is not installed, or the weights are not there.
    """

    def __init__(self, weights: str = "openai/clip-vit-large-patch14-336", *, download: bool = False) -> None:
        model = _pretrained("CLIPVisionModelWithProjection", weights, download)
        mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
        super().__init__("clip", model, int(model.config.image_size), mean, std)

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, D)`` of length 1; no classes."""
        embedding: Tensor = self.model(self.prepared(images)).image_embeds
        return FeatureBatch(embedding / embedding.norm(dim=1, keepdim=True))


def _pretrained(kind: str, weights: str, download: bool) -> Any:
    """A model of transformers, from a folder, the local cache, or (only if chosen) the hub."""
    try:
        import transformers
    except ImportError as error:
        hint = "needs the optional extra; pip install 'lightning-gans[foundation]'"
        raise ConfigError("features", kind, hint) from error
    try:
        return getattr(transformers, kind).from_pretrained(weights, local_files_only=not download)
    except (OSError, ValueError) as error:
        where = "in that folder" if Path(weights).exists() else "in the local cache; choose download=True, or a folder"
        raise ConfigError("weights", weights, f"no {kind} {where}") from error
