"""Networks that papers measure with: Inception-v3 as torch-fidelity computes it; DINOv2 and CLIP from transformers."""

import hashlib
import io
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import INCEPTION, FeatureBatch, FeatureExtractor

Triple = tuple[float, float, float]
LAYERS = (64, 192, 768, 2048)  # named by their width, from the shallowest to the last pooling


class InceptionFeatures(FeatureExtractor):
    """Inception-v3 of 2015 in torch-fidelity's port: network, resize and scaling are torch-fidelity's own code.

    Features are the spatial means of ``layer``; logits are ``logits_unbiased`` (the last layer without its bias), from
    which the Inception Score is computed (Salimans et al. 2016, arXiv:1606.03498; FID at layer 2048: Heusel et al.
    2017, arXiv:1706.08500). Images of any size are resized to 299x299 by TensorFlow 1's bilinear interpolation;
    grayscale is repeated to three channels, as PIL's conversion to RGB does.

    The weights (95 MB) do not come with this package: a file given by path, else the one that torch-fidelity keeps in
    torch's hub folder, else, only with ``download=True``, its download into that folder. The file is read with
    ``weights_only=True``, and a sha256 prefix in its name (``...-6726825d.pth``) is checked.

    Args:
        weights: File with torch-fidelity's Inception-v3 weights, or None for the one in torch's hub folder.
        layer: 64, 192, 768 or 2048; with 2048, as in papers, metric names carry no suffix.
        logits: Without them the network is only run up to ``layer``.
        download: Whether the file may be downloaded when the hub folder has none.

    Raises:
        ConfigError: There is no file and none may or can be downloaded; the file is damaged or another network's;
            there is no such layer.
    """

    preprocessing = "torch-fidelity: TensorFlow 1 bilinear to 299x299, (x - 128) / 128; gray repeated; version 1"
    gray_or_rgb = True

    def __init__(
        self, weights: str | Path | None = None, *, layer: int = 2048, logits: bool = True, download: bool = False
    ) -> None:
        if layer not in LAYERS:
            raise ConfigError("layer", layer, f"Inception-v3 has the layers {', '.join(map(str, LAYERS))}")
        name = INCEPTION if layer == LAYERS[-1] else f"{INCEPTION}_{layer}"
        super().__init__(name, num_classes=1008 if logits else None)  # of the training in 2015
        self.preprocessing = f"{self.preprocessing}; layer {layer}"
        path = _cached(download) if weights is None else Path(weights)
        self.network = _network(path, [str(layer), "logits_unbiased"] if logits else [str(layer)])
        self.freeze()

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features ``(N, layer)`` and logits ``(N, 1008)`` or None."""
        return FeatureBatch(*self.network(images.expand(-1, 3, -1, -1)))

    def extract_maps(self, images: Tensor) -> list[Tensor]:
        """Refused: the network takes whole levels, and images that differ by less would be one.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("features", self.name, "takes images of 8 bits alone; compare by others, such as random")


def _cached(download: bool) -> Path:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3 as URL

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(URL).path).name
    if path.is_file():
        return path
    manual = f"fetch {URL} elsewhere and pass its path"
    if not download:
        hint = f"no Inception-v3 weights at {path}; choose download=True (95 MB), or {manual}"
        raise ConfigError("weights", None, hint)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL, str(path), hash_prefix=_promised(path))
    except (URLError, OSError, RuntimeError) as error:
        raise ConfigError("download", True, f"the download failed ({error}); {manual}") from None
    return path


def _promised(path: Path) -> str:
    """The sha256 prefix in a file's name, by torch hub's convention; empty where there is none."""
    found = re.search(r"-([0-9a-f]{8,64})\.\w+$", path.name)
    return found[1] if found else ""


def _network(path: Path, layers: list[str]) -> nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    if not path.is_file():
        raise ConfigError("weights", str(path), "no such file; pass torch-fidelity's Inception-v3 weights")
    content = path.read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if not actual.startswith(_promised(path)):
        hint = f"its sha256 is {actual[:16]}..., not what its name says; the file is damaged, fetch it again"
        raise ConfigError("weights", str(path), hint)
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        trusted = io.BytesIO()  # torch-fidelity unpickles whatever it is given: hand it only what was read safely
        torch.save(state, trusted)
        trusted.seek(0)
        with torch.random.fork_rng(devices=[]):  # the initial weights are drawn, then overwritten
            network: nn.Module = FeatureExtractorInceptionV3(INCEPTION, layers, feature_extractor_weights_path=trusted)
    except (UnpicklingError, RuntimeError, TypeError, AttributeError, EOFError, ValueError):
        hint = "not torch-fidelity's Inception-v3 weights; give the file weights-inception-2015-12-05-6726825d.pth"
        raise ConfigError("weights", str(path), hint) from None
    return network


class _VisionTransformer(FeatureExtractor):
    """Images resized to the transformer's side by antialiased bicubic interpolation, scaled to [0, 1], normalized."""

    preprocessing = "gray to RGB; antialiased bicubic resize, rounded to uint8; (x / 255 - mean) / std; version 1"
    gray_or_rgb = True

    def __init__(self, name: str, model: nn.Module, side: int, mean: Triple, std: Triple) -> None:
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

        size = [self.side, self.side]
        resized: Tensor = resize(images.expand(-1, 3, -1, -1), size, InterpolationMode.BICUBIC, antialias=True)
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
