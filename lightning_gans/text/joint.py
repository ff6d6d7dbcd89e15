"""A text encoder that needs the captioned images alone: trained with an image encoder, so that pairs lie close."""

import hashlib
import itertools
import json
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lightning_gans.cache import default_cache, keep
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8, to_uint8
from lightning_gans.text.backbone import BackboneNetwork
from lightning_gans.text.encoder import Captions, Images, TextEncoder, sha256_of
from lightning_gans.text.words import SentenceNetwork

VERSION = 1  # raised whenever layers or training change: older files are then refused, older caches not found
_SIDE = 32  # height and width of what the image encoder sees
_HEADER = "lightning_gans.joint_embedding"
_BACKBONE = "text.backbone."  # entries of the state that are not learned


class _ImageNetwork(nn.Module):
    """Three convolutions at stride 2; the 4 x 4 places that remain are told apart."""

    def __init__(self, out_features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise((3, 16, 32, 64)):
            convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 4 * 4, out_features))

    def forward(self, images: Tensor) -> Tensor:
        """(N, out_features), each of length 1, of N images (N, 3, 32, 32)."""
        return nn.functional.normalize(self.layers(images), dim=1)


class JointEmbedding(TextEncoder):
    r"""Sentence embedding of unit length, learned with an image encoder from the training pairs alone.

    Reed et al. 2016, arXiv:1605.05395: compatibility :math:`F(v, t) = \theta(v)^T \varphi(t)` is to be highest for
    what belongs together, both among a batch's captions and among its images. Small: characters are hashed (any
    script), words go through a GRU, images of 32 x 32 pixels through three convolutions. The loss is the softmax over
    the batch (Zhang et al. 2020, arXiv:2010.00747, eq. 2 and 3) instead of the hinge of eq. 3; equal captions are no
    negatives of each other.

    It is trained by ``fit``, once: about a minute on a core; the result is kept on disk, and in the model's checkpoint.

    Args:
        embedding_dim: Length of an embedding.
        weights: A file of ``save``: nothing is trained then.
        steps: Of training.
        pairs_per_step: Pairs among which each is to be found: 128, and 512 upon a backbone, whose layers cost little.
            The more pairs, the more captions differ in one word only.
        max_pairs: Images that are learned from, spread over all.
        backbone: A frozen encoder that reads the sentences, such as a ``SentenceEncoder``, whose embeddings two layers
            are learned on: it knows words already, what is learned is what of them shows. None for words and their
            order learned from the captions alone.
        components: Of a backbone's embeddings, the principal components that are learned from.

    Attributes:
        facts: What the file that it was read from says.

    Raises:
        ConfigError: A size cannot work; the file is none of ``save``, or of another ``embedding_dim``.
    """

    fitted: Tensor
    _settings = ("text_dim", "steps", "pairs_per_step", "max_pairs")

    def __init__(
        self,
        embedding_dim: int = 128,
        weights: str | Path | None = None,
        *,
        steps: int = 800,
        pairs_per_step: int | None = None,
        max_pairs: int = 16384,
        backbone: TextEncoder | None = None,
        components: int = 32,
    ) -> None:
        super().__init__()
        if pairs_per_step is None:
            pairs_per_step = 128 if backbone is None else 512
        for name, value, least in (
            ("embedding_dim", embedding_dim, 1),
            ("steps", steps, 1),
            ("pairs_per_step", pairs_per_step, 2),
            ("max_pairs", max_pairs, 2),
            ("components", components, 1),
        ):
            if value < least:
                raise ConfigError(name, value, f"choose {least} or more")
        self.text_dim, self.steps, self.pairs_per_step, self.max_pairs = embedding_dim, steps, pairs_per_step, max_pairs
        self.components = components
        self.facts: dict[str, Any] = {}
        with torch.random.fork_rng(devices=[]):  # the model's own weights are drawn as if there were no encoder
            self._build(backbone)
        self.register_buffer("fitted", torch.tensor(False))
        self.freeze()
        self.weights = None if weights is None else Path(weights)
        if self.weights is not None and self.weights.is_file():  # else they may come from a checkpoint
            self._load(self.weights)

    def _build(self, backbone: TextEncoder | None) -> None:
        self.text: SentenceNetwork | BackboneNetwork
        if backbone is None:
            self.text = SentenceNetwork(self.text_dim, num_buckets=8192, width=64)
        else:
            self.text = BackboneNetwork(backbone, self.text_dim, self.components)
        self.image = _ImageNetwork(self.text_dim)
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))  # inverse temperature, its logarithm

    @property
    def backbone(self) -> TextEncoder | None:
        """The frozen encoder that reads the sentences."""
        return self.text.backbone if isinstance(self.text, BackboneNetwork) else None

    def embed(self, captions: Sequence[str]) -> Tensor:
        """See ``TextEncoder``."""
        self._require_fitted()
        embedded: Tensor = self.text(captions)
        return embedded

    def embed_all(self, captions: Sequence[str]) -> Tensor:
        """See ``TextEncoder``; what a backbone keeps of them is read back."""
        if not isinstance(self.text, BackboneNetwork):
            return super().embed_all(captions)
        self._require_fitted()
        with torch.no_grad():
            parts = self.text.backbone.embed_all(captions).split(512)
            return torch.cat([self.text.project(part.to(self.device)).cpu() for part in parts])

    def similarity(self, images: Tensor, captions: Sequence[str]) -> Tensor:
        """Cosines (N, M) of N images (N, C, H, W) in [-1, 1] and M captions."""
        with torch.no_grad():
            parts = [self.image(_prepared(part.to(self.device))) for part in images.split(512)]
            return torch.cat(parts) @ self(captions).T

    def provenance(self) -> dict[str, Any]:
        """See ``TextEncoder``."""
        told = {"name": "JointEmbedding", "text_dim": self.text_dim, "sha256": sha256_of(self._learned().items())}
        return told | self._read_by()

    def _read_by(self) -> dict[str, Any]:
        return {} if self.backbone is None else {"backbone": self.backbone.provenance()}

    def _learned(self) -> dict[str, Tensor]:
        """The state without the backbone's."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith(_BACKBONE)}

    def fit(self, captions: Captions, images: Images, seed: int) -> None:
        """Train, unless it is trained; or read what the same captions, images and settings gave before.

        Raises:
            ConfigError: There are fewer than two images, or one has no caption.
        """
        self._require_weights()
        if self.fitted:
            return
        pairs = _Pairs(captions, images, self.max_pairs)
        settings = {name: getattr(self, name) for name in self._settings} | {"seed": seed, "version": VERSION}
        if self.backbone is not None:
            settings |= self._read_by() | {"components": self.components}
        path = default_cache() / f"joint_embedding-{pairs.hashed(settings)[:32]}.safetensors"
        if path.is_file() and self._read_back(path):
            return
        device = self.device
        self.cpu()  # where the same seed makes the same weights, whatever else the machine has
        with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._train(pairs, torch.Generator().manual_seed(seed))
        self.to(device)
        try:
            keep(path, lambda part: self.save(part, {"seed": seed, "pairs": len(pairs.captions)}))
        except OSError as error:
            warnings.warn(f"{path.parent} cannot be written ({error}); the text encoder is not kept", stacklevel=2)

    def _read_back(self, path: Path) -> bool:
        try:
            self._load(path)
        except ConfigError as error:
            warnings.warn(f"{path} is damaged ({error.hint}); training again", stacklevel=3)
        return bool(self.fitted)

    def _train(self, pairs: "_Pairs", generator: torch.Generator) -> None:
        self._build(self.backbone)
        if isinstance(self.text, BackboneNetwork):
            self.text.learn_components(list(dict.fromkeys(itertools.chain(*pairs.captions))))
        learned = [weight for weight in self.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=6e-3, weight_decay=0.1, fused=True)
        warm = max(1, self.steps // 10)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / warm, (1 + math.cos(math.pi * step / self.steps)) / 2)
        )
        about = f"training the text encoder on {len(pairs.captions):,} images"
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            for _ in bar.track(range(self.steps), description=about):
                images, captions = pairs.draw(self.pairs_per_step, generator)
                optimizer.zero_grad()
                torch.autograd.backward(self._loss(images, captions))
                optimizer.step()
                schedule.step()
        if isinstance(self.text, BackboneNetwork):
            self.text.forget()
        self.fitted.fill_(True)
        self.freeze()

    def _loss(self, images: Tensor, captions: list[str]) -> Tensor:
        logits = self.scale.exp().clamp(max=100.0) * self.image(images) @ self.text(captions).T  # (N, N)
        numbers = {caption: number for number, caption in enumerate(captions)}
        which = torch.tensor([numbers[caption] for caption in captions], device=images.device)
        equal = (which[:, None] == which) & ~torch.eye(len(which), dtype=torch.bool, device=images.device)
        logits = logits.masked_fill(equal, -torch.inf)
        target = torch.arange(len(which), device=images.device)
        entropy = nn.functional.cross_entropy
        return (entropy(logits, target) + entropy(logits.T, target)) / 2

    def save(self, path: str | Path, facts: Mapping[str, Any], dtype: torch.dtype = torch.float32) -> None:
        """Write weights and facts, whatever JSON holds, to one safetensors file: nothing in it is executed."""
        told = {**facts, "text_dim": self.text_dim, "version": VERSION, **self._read_by()}
        header = json.dumps(told, sort_keys=True)
        state = {key: value.detach().cpu().contiguous() for key, value in self._learned().items()}
        stored = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
        Path(path).write_bytes(save(stored, metadata={_HEADER: header}))

    def _require_fitted(self) -> None:
        self._require_weights()
        if not self.fitted:
            raise ConfigError("text_encoder", "JointEmbedding", "is not trained yet; call fit, or give weights")

    def _require_weights(self) -> None:
        """Complain of a file that was given and is missing, now that nothing else has brought its weights."""
        if self.weights is not None and not self.fitted:
            self._load(self.weights)

    def _load(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigError("weights", str(path), "no such file; write one with JointEmbedding.save")
        try:
            with safe_open(path, framework="pt") as file:
                header = (file.metadata() or {}).get(_HEADER)
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        except SafetensorError as error:
            raise ConfigError("weights", str(path), f"not a readable safetensors file ({error})") from None
        if header is None:
            raise ConfigError("weights", str(path), "holds no JointEmbedding; write one with JointEmbedding.save")
        facts = json.loads(header)
        for name, wanted in (("version", VERSION), ("text_dim", self.text_dim)):
            if facts.get(name) != wanted:
                raise ConfigError("weights", str(path), f"has {name} {facts.get(name)}, not {wanted}")
        if facts.get("backbone") != self._read_by().get("backbone"):
            hint = f"was trained with the backbone {facts.get('backbone')}; give that one"
            raise ConfigError("weights", str(path), hint)
        try:
            own = {name: value for name, value in self.state_dict().items() if name.startswith(_BACKBONE)}
            self.load_state_dict(own | state)
        except RuntimeError:  # names or shapes that differ, in many lines
            hint = "its weights have other shapes: it was written by another release, or with other settings"
            raise ConfigError("weights", str(path), hint) from None
        self.facts = facts


def _prepared(images: Tensor) -> Tensor:
    """(N, 3, 32, 32) floats in [-1, 1] of gray or RGB images of any size."""
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ConfigError("images", tuple(images.shape), "a JointEmbedding takes gray or RGB images (N, 1 or 3, H, W)")
    return nn.functional.adaptive_avg_pool2d(images.float(), _SIDE).expand(-1, 3, -1, -1)


class _Pairs:
    """Training pairs in memory: at most so many, spread over all, as small uint8 images."""

    def __init__(self, captions: Captions, images: Images, most: int) -> None:
        if len(captions) < 2:
            raise ConfigError("captions", f"of {len(captions)} images", "a text encoder is trained on two or more")
        count = min(len(captions), most)
        rows = [row * len(captions) // count for row in range(count)]
        self.captions = [list(captions[row]) for row in rows]
        for row, own in zip(rows, self.captions, strict=True):
            if not own:
                raise ConfigError("captions", f"none of image {row}", "each image needs one or more")
        parts = [rows[first : first + 512] for first in range(0, count, 512)]
        self.images = torch.cat([to_uint8(_prepared(images(part))) for part in parts])  # (N, 3, 32, 32)

    def hashed(self, settings: Mapping[str, Any]) -> str:
        """Hash (hex) of everything that what is learned depends on."""
        digest = hashlib.sha256(json.dumps([settings, self.captions], sort_keys=True).encode())
        digest.update(self.images.numpy().data)
        return digest.hexdigest()

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
        """Some images in [-1, 1], each moved by up to two pixels, and one caption of each."""
        rows = torch.randperm(len(self.captions), generator=generator)[:count]
        choices = torch.rand(len(rows), generator=generator).tolist()
        own = [self.captions[row] for row in rows.tolist()]
        said = [each[int(choice * len(each))] for each, choice in zip(own, choices, strict=True)]
        down, right = torch.randint(5, (2,), generator=generator).tolist()
        padded = nn.functional.pad(from_uint8(self.images[rows]), (2, 2, 2, 2), mode="replicate")
        return padded[:, :, down : down + _SIDE, right : right + _SIDE], said
