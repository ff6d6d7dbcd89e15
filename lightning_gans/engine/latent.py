"""What generates from latents: a generator that turns them into images, whoever trained it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch, Condition
from lightning_gans.engine.ema import batch_norms, eval_mode, update_bn
from lightning_gans.engine.game import Game
from lightning_gans.engine.priors import Normal, Prior
from lightning_gans.engine.rng import fold_in, rows_at, rows_from_index
from lightning_gans.errors import ConfigError

_BN_BATCHES, _BN_BATCH_SIZE, _BN_SEED = 20, 64, 0x5EED
_SAMPLING_SIZE = 256  # images generated at a time: bounds the memory of sample()
COLUMNS = 8  # of a row of pictures
_LATENT_GRID = 15  # numbers of each of two latents


class LatentModel(Game):
    """A game one of whose networks turns latents into samples: what ``GAN`` and ``VAE`` have in common.

    Args:
        generator: From latents (N, Z), and the parts of the condition that are ``given``, to images (N, C, H, W) in
            [-1, 1], or to points (N, d).
        latent_dim: Z; taken from ``generator.latent_dim`` when None.
        prior: Distribution of the latents; standard normal when None.
        given: What is given besides noise: ``label`` makes any model class-conditional.
        num_classes: Number of classes where labels are given; the command line takes it from the data.

    Raises:
        ConfigError: No latent size is known, labels are given and no number of classes, or something else that no
            latent model is given.
    """

    conditions: ClassVar[Sequence[str]] = ("label",)
    """What may be given."""

    def __init__(
        self,
        generator: nn.Module,
        *,
        latent_dim: int | None = None,
        prior: Prior | None = None,
        given: Sequence[str] = (),
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.generator = generator
        self.latent_dim = _latent_dim(latent_dim, generator)
        self.prior = prior if prior is not None else Normal()
        self.given = (given,) if isinstance(given, str) else tuple(given)
        if unknown := sorted(set(self.given) - set(self.conditions)):
            hint = f"this model is given nothing but {', '.join(map(repr, self.conditions))}"
            raise ConfigError("given", unknown[0], hint)
        if "label" in self.given and (num_classes is None or num_classes < 1):
            hint = "a class-conditional model needs data with labels, such as an ImageFolder with a folder a class"
            raise ConfigError("num_classes", num_classes, hint)
        self.num_classes = num_classes if "label" in self.given else None

    @classmethod
    def network_kwargs(cls, role: str, data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """What the command line tells the network in the argument ``role`` of the model, where its own leave it unset.

        Of ``data``: ``image_shape``, ``num_classes``, ``source_shape``, ``latent_dim``, None where they are not known;
        ``settings`` are the arguments of the model. What the network does not take is not told.
        """
        told = {"image_shape": data["image_shape"]}
        if "label" in (settings.get("given") or ()):
            told["num_classes"] = data["num_classes"]
        return told | ({"latent_dim": data["latent_dim"]} if role == "generator" else {})

    def latent(self, batch: Batch) -> Tensor:
        """Latents for a batch, (N, Z)."""
        return self.rand(self.prior, len(batch.image), self.latent_dim)

    def ema_modules(self) -> dict[str, nn.Module]:
        """The generator."""
        return {"generator": self.generator}

    def visuals(self, batch: Batch | None, seed: int = 0) -> dict[str, Tensor]:
        """Further pictures that show what this model can do, by name; drawn beside the grid of samples.

        Where labels are given, ``classes``: a row for each class, a column for each latent. Where latents are pairs of
        numbers, ``latent_grid``: what is made of pairs that are evenly spread over the prior. Of real images with what
        is given, on the CPU, where there are any: rows and columns of images in [-1, 1], (R, K, C, H, W).
        """
        if self.num_classes is None:
            return self._latent_grid()
        classes = Condition(label=torch.arange(self.num_classes).repeat_interleave(COLUMNS))
        z, *_ = self.generator_inputs(Condition(), 0, COLUMNS, seed)
        with torch.no_grad():
            images: Tensor = self(z.repeat(self.num_classes, 1), *self._placed(classes).tensors())
        return {"classes": images.float().cpu().unflatten(0, (self.num_classes, COLUMNS))}

    def _latent_grid(self) -> dict[str, Tensor]:
        """Figure 4 of Kingma and Welling 2014, arXiv:1312.6114: the first number grows to the right, the other up."""
        values = self.prior.quantile((torch.arange(_LATENT_GRID) + 0.5) / _LATENT_GRID)
        if self.given or self.latent_dim != 2 or values is None:
            return {}
        z = torch.cartesian_prod(values.flip(0), values).flip(1)  # row by row, the highest first
        with torch.no_grad():
            images: Tensor = self(z.to(self.device).type(self.dtype))
        return {"latent_grid": images.float().cpu().unflatten(0, (_LATENT_GRID, _LATENT_GRID))}

    # What comes out.

    def forward(self, *inputs: Tensor, ema: bool = True, **how: Any) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from what the generator takes: averaged weights or raw ones, eval mode."""
        generator = self.inference_network("generator", ema=ema)
        with eval_mode(generator):
            images: Tensor = generator(*inputs, **how)
        return images

    @torch.no_grad()
    def generate(
        self,
        condition: Condition = Condition(),
        *,
        n: int,
        seed: int = 0,
        start: int = 0,
        ema: bool = True,
        truncation: float | None = None,
        **how: Any,
    ) -> Tensor:
        """Generate images (n, C, H, W) in [-1, 1], or points (n, d), float32, on the model's device.

        Sample i is a function of (seed, i) and of its condition; it does not depend on n, on batches or on the device's
        generator.

        Args:
            condition: What the model is ``given``, for each sample.
            n: How many.
            seed: Selects the latents.
            start: Index of the first sample.
            ema: Averaged weights (with batch norm re-estimated under them), or the raw ones.
            truncation: Bound on the latents; None for the whole prior. Averaged weights have batch norm's
                statistics of latents within it, as those of BigGAN's authors do.
            how: Further arguments of the generator's ``forward``, such as ``psi`` of ``StyleGenerator``.

        Raises:
            ConfigError: Something that the model is given is missing or not one per sample; truncation out of range.
        """
        if n < 1:
            raise ConfigError("n", n, "must be 1 or more")
        prior = self._truncated(truncation)
        condition = self._placed(condition, n)
        generator = self.inference_network("generator", ema=ema, truncation=truncation)
        parts = []
        with eval_mode(generator):
            for first in range(0, n, _SAMPLING_SIZE):
                last = min(first + _SAMPLING_SIZE, n)
                part = condition.map(lambda t, first=first, last=last: t[first:last])  # type: ignore[misc] # bound now
                inputs = self.generator_inputs(part, start + first, start + last, seed, prior)
                parts.append(generator(*inputs, **how).float())
        return torch.cat(parts)

    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        seed: int = 0,
        truncation: float | None = None,
        ema: bool = True,
        start: int = 0,
    ) -> Tensor:
        """Generate samples ``start`` to ``start + n`` of those that ``seed`` selects: ``generate``, with classes drawn.

        Labels (n,) are the classes where the model is given some; None for classes drawn at random.

        Raises:
            ConfigError: Labels for a model without classes, or not one per sample; truncation out of range.
        """
        if labels is not None and self.num_classes is None:
            raise ConfigError("labels", f"{len(labels)} labels", f"{type(self).__name__} is not conditional; drop them")
        condition = self.sample_condition(start, start + n, seed) if labels is None else Condition(label=labels)
        return self.generate(condition, n=n, seed=seed, start=start, ema=ema, truncation=truncation)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Samples by number, or of the conditions of a batch.

        A batch of integers (N,), or the ``index`` of a dict, are numbers of samples: they select the latents, so that
        any number of processes makes the same ones. A batch without an index counts on within its process.
        """
        found = Batch.of(batch)
        if found.image is not None and found.image.ndim == 1 and not found.image.is_floating_point():
            found = found._replace(image=None, indices=found.image)  # type: ignore[arg-type] # no loss asks
        within = torch.arange(batch_idx * found.size, (batch_idx + 1) * found.size)
        index = within if found.indices is None else found.indices
        drawn = all(getattr(found.condition, name) is None for name in self.given)
        given = self._drawn_condition(index, 0) if drawn else found.condition
        z = rows_at(self.prior, fold_in(0, 0), index, self.latent_dim).to(self.device).type(self.dtype)
        images: Tensor = self(z, *self._placed(given, len(index)).tensors())
        return images.float()

    def sample_condition(self, first: int, last: int, seed: int) -> Condition:
        """What is given for samples ``first`` to ``last`` where nobody says: uniform classes, from (seed, index)."""
        return self._drawn_condition(torch.arange(first, last), seed)

    def _drawn_condition(self, index: Tensor, seed: int) -> Condition:
        if self.num_classes is None:
            return Condition()
        return Condition(label=(rows_at(torch.rand, fold_in(seed, 1), index) * self.num_classes).long())

    def generator_inputs(
        self, condition: Condition, first: int, last: int, seed: int, prior: Prior | None = None
    ) -> tuple[Tensor, ...]:
        """What the generator takes for samples ``first`` to ``last``: latents, and what is given, on the device."""
        z = rows_from_index(prior or self.prior, fold_in(seed, 0), first, last, self.latent_dim)
        return z.to(self.device).type(self.dtype), *condition.tensors()

    def inference_network(self, name: str, *, ema: bool, truncation: float | None = None) -> nn.Module:
        """A network to generate with: the averaged one, or the raw one where it is asked for or there is no other.

        Batch norm's statistics of an averaged generator are estimated under its weights, of latents within the bound.
        """
        if not ema or self.ema is None:
            network: nn.Module = getattr(self, name)
            return network
        if self.ema.estimated_for != (truncation,):
            average, prior = self.ema["generator"], self._truncated(truncation)
            if batch_norms(average):
                update_bn(average, lambda i: average(*self._bn_inputs(i, prior)), range(_BN_BATCHES))
            self.ema.estimated_for = (truncation,)
        return self.ema[name]

    def _bn_inputs(self, number: int, prior: Prior) -> tuple[Tensor, ...]:
        first, last = number * _BN_BATCH_SIZE, (number + 1) * _BN_BATCH_SIZE
        condition = self._placed(self.sample_condition(first, last, _BN_SEED))
        return self.generator_inputs(condition, first, last, _BN_SEED, prior)

    def _truncated(self, truncation: float | None) -> Prior:
        return self.prior if truncation is None else self.prior.truncate(truncation)

    def _placed(self, condition: Condition, n: int | None = None) -> Condition:
        """What the model is given of a condition, on its device; checked to be for n samples."""
        for name, part in condition._asdict().items():
            if part is not None and n is not None and len(part) != n:
                raise ConfigError(f"{name}s", f"{len(part)} {name}s", f"one per sample is needed: {n}")
        return condition.only(self.given).map(lambda t: t.to(self.device))


def _latent_dim(given: int | None, generator: nn.Module) -> int:
    """The size of the latents: as given, or as the generator says; both must agree."""
    own: int | None = getattr(generator, "latent_dim", None)
    size = own if given is None else given
    if size is None:
        raise ConfigError("latent_dim", None, "give it, or give the generator an attribute latent_dim")
    if own is not None and size != own:
        raise ConfigError("latent_dim", size, f"the generator takes latents of size {own}")
    if size < 1:
        raise ConfigError("latent_dim", size, "must be positive")
    return size
