"""What generates from latents and sentences."""

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.batch import Condition
from lightning_gans.engine.latent import LatentModel
from lightning_gans.engine.processes import gather_rows, rank, world_size
from lightning_gans.engine.rng import fold_in, rows_at
from lightning_gans.errors import ConfigError
from lightning_gans.text import TextEncoder

_KNOWN = 256  # captions that are kept to sample with where nobody gives any


class TextModel(LatentModel):
    """A latent model that is given a sentence: batches have ``text``, sentence embeddings (N, E).

    Args:
        generator: From latents (N, Z) and embeddings (N, E) to images (N, C, H, W) in [-1, 1].
        text_encoder: What embeds the sentences that one asks for later; the command line takes it from the data, and
            with a datamodule that has one, what that has learned becomes part of the checkpoint. None for a model that
            is given embeddings alone.
        text_dim: E; taken from the encoder or ``generator.text_dim`` when None.

    Raises:
        ConfigError: E is not known, or encoder and generator have another.
    """

    conditions: ClassVar[Sequence[str]] = ("text",)
    known_text: Tensor

    def __init__(
        self,
        generator: nn.Module,
        *args: Any,
        text_encoder: TextEncoder | None = None,
        text_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, *args, given=("text",), **kwargs)
        sizes = {
            "text_dim": text_dim,
            "text_encoder": getattr(text_encoder, "text_dim", None),
            "generator": getattr(generator, "text_dim", None),
        }
        told = {name: size for name, size in sizes.items() if size is not None}
        if len(set(told.values())) != 1:
            hint = "give one size of an embedding: text_dim, or a text_encoder and a generator that agree"
            raise ConfigError("text_dim", told or None, hint)
        self.text_encoder = text_encoder
        self.known_captions: list[str] = []
        """Captions of training, to sample with; their embeddings are ``known_text``."""
        self.register_buffer("known_text", torch.zeros(_KNOWN, next(iter(told.values()))))

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """Both networks are told the size of an embedding."""
        return super().network_kwargs(role, data, settings) | {"text_dim": data["text_dim"]}

    def embed(self, captions: Sequence[str]) -> Tensor:
        """Sentence embeddings (N, E) on the model's device.

        Raises:
            ConfigError: The model has no encoder.
        """
        if self.text_encoder is None:
            hint = "this model was given embeddings alone; give it a text_encoder, or a condition: Condition(text=...)"
            raise ConfigError("text", captions[0], hint)
        embedded: Tensor = self.text_encoder(captions)
        return embedded.to(self.device).type(self.dtype)

    def sample(self, n: int, *, text: str | Sequence[str] | None = None, **kwargs: Any) -> Tensor:
        """Generate n images of a sentence, of n sentences, or of captions of training, drawn at random.

        Args:
            n: How many.
            text: One sentence for all, or one for each.
            kwargs: As of ``LatentModel.sample``.

        Raises:
            ConfigError: Not one sentence for each, or the model has no encoder.
        """
        if text is None:
            return super().sample(n, **kwargs)
        if kwargs.pop("labels", None) is not None:
            raise ConfigError("labels", "labels", f"{type(self).__name__} is given sentences; drop them")
        given = self.embed([text]).expand(n, -1) if isinstance(text, str) else self.embed(text)
        return self.generate(Condition(text=given), n=n, **kwargs)

    def known_rows(self, index: Tensor, seed: int) -> Tensor:
        """Which of the known captions are given for samples of these numbers, int64: uniform, from (seed, index)."""
        self._collect_known()
        if not self.known_captions:
            hint = "no captions are known before training; give sentences, or a condition: Condition(text=...)"
            raise ConfigError("text", None, hint)
        return (rows_at(torch.rand, fold_in(seed, 1), index) * len(self.known_captions)).long()

    def _drawn_condition(self, index: Tensor, seed: int) -> Condition:
        return Condition(text=self.known_text[self.known_rows(index, seed).to(self.known_text.device)])

    def _collect_known(self) -> None:
        """Keep some captions of the training data, spread over all."""
        loader = None if self.known_captions or self._trainer is None else self._trainer.train_dataloader
        dataset = getattr(loader, "dataset", None)
        dataset = getattr(dataset, "dataset", dataset)  # not augmented
        if dataset is None or not hasattr(dataset, "__len__"):
            return
        rows = torch.linspace(0, len(dataset) - 1, _KNOWN).long().tolist()
        many = getattr(dataset, "__getitems__", None)
        text = many(rows)["text"] if many else torch.stack([torch.as_tensor(dataset[row]["text"]) for row in rows])
        self.known_text.copy_(text)
        captions = getattr(dataset, "captions", lambda row: [f"caption of image {row}"])
        self.known_captions = [captions(row)[0] for row in rows]

    # What Lightning asks for.

    def setup(self, stage: str) -> None:
        """Share the encoder with the data, which it has learned from by now."""
        encoder = getattr(getattr(self.trainer, "datamodule", None), "text_encoder", None)
        if self.text_encoder is not None and encoder is not None:
            if type(encoder) is not type(self.text_encoder):
                hint = (
                    f"the data are embedded by a {type(encoder).__name__}; give both the same, or leave it to the data"
                )
                raise ConfigError("model.text_encoder", type(self.text_encoder).__name__, hint)
            self.text_encoder = encoder
        frozen = set() if self.text_encoder is None else set(self.text_encoder.modules())
        if all(module.training or module in frozen for module in self.modules()):  # Lightning warns of any
            warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")

    def on_train_start(self) -> None:
        """Keep some captions."""
        super().on_train_start()
        self._collect_known()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the captions that are known."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["known_captions"] = self.known_captions

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        super().on_load_checkpoint(checkpoint)
        self.known_captions = list(checkpoint["known_captions"])


def next_other(text: Tensor) -> Tensor:
    """For each embedding of the local batch (N, E) the next other one of the global batch, or itself if all are alike.

    Of all processes together, so that several pair what one would.

    Example:
        >>> next_other(torch.tensor([[1.0], [1.0], [2.0]])).flatten()
        tensor([2., 2., 1.])
    """
    everyones = gather_rows(text)
    _, kind = torch.unique(everyones, dim=0, return_inverse=True)  # (M,)
    count = len(everyones)
    own = torch.arange(rank(), count, world_size(), device=text.device)
    following = (own[:, None] + torch.arange(1, count + 1, device=text.device)) % count  # (N, M), itself last
    first = (kind[following] != kind[own][:, None]).int().argmax(1)  # 0 where there is none
    none = (kind == kind[0]).all()
    return text if bool(none) else everyones[following.gather(1, first[:, None])[:, 0]]
