"""Training as a plain torch loop: what the engine must equal, weight by weight.

Of the engine nothing is in here but the coordinates of its noise: (seed, step, player, draw).
"""

import copy
import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import Batch
from lightning_gans.engine import fold_in

DCGANS_ADAM = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.5, 0.999]}}
"""Where a config says nothing."""


@dataclass
class Update:
    """One update as a loss sees it: the batch, the settings of the config, and the random numbers of the moment."""

    batch: Batch
    settings: Mapping[str, Any]
    prior: Any
    latent_dim: int
    coordinates: tuple[int, int, int]  # seed, step, player
    earlier: int  # updates of this player
    optimizers: Mapping[str, torch.optim.Optimizer]
    progress: float = 0.0
    draws: int = 0

    def rand(self, distribution: Any, *size: int, n: int | None = None) -> Tensor:
        """Random numbers (n, ...), N rows unless it is said how many."""
        generator = torch.Generator().manual_seed(fold_in(*self.coordinates, self.draws))
        self.draws += 1
        return distribution(len(self.x) if n is None else n, *size, generator=generator, device=torch.device("cpu"))

    def z(self) -> Tensor:
        """Latents (N, Z)."""
        return self.rand(self.prior, self.latent_dim)

    @property
    def x(self) -> Tensor:
        """Real images."""
        assert self.batch.image is not None
        return self.batch.image

    @property
    def given(self) -> tuple[Tensor, ...]:
        """Labels or sources, where there are any."""
        return self.batch.condition.tensors()


Loss = Callable[[Any, Update], Tensor]
"""From the networks, by name, and an update to the scalar that its player minimizes."""


@dataclass(frozen=True)
class Turn:
    """A player of a plain loop."""

    name: str
    """As the config calls its optimizer."""
    owns: tuple[str, ...]
    """The networks that it trains."""
    loss: Loss
    waits: bool = False
    """Whether it waits for ``n_critic`` updates of the discriminator."""
    project: Callable[[Any, Mapping[str, Any]], None] | None = None
    shares: str | None = None
    """The turn whose Adam it uses, corrected for its updates; its loss counts as often as it waits."""
    every: str = ""
    """Of one that shares: the setting that says in which steps it is due."""
    phase: str | None = None
    """``content``, in the first share of the run, of contents or of stage 1; ``game``, after it; None for always."""
    forgets: bool = False
    """Whether averages begin anew with its first update."""


def two(discriminator: Loss, generator: Loss, **settings: Any) -> tuple[Turn, Turn]:
    """The game of two: the discriminator first."""
    return (
        Turn("discriminator", ("discriminator",), discriminator, **settings),
        Turn("generator", ("generator",), generator, waits=True),
    )


def plain_loop(
    turns: Sequence[Turn], model: Any, settings: Mapping[str, Any], batches: Iterable[Batch], seed: int, steps: int = 1
) -> dict[str, nn.Module]:
    """Train copies of a model's networks on these batches, of a run of so many steps.

    Returns networks by name, averages as ``ema.averages.<name>``.
    """
    names = {name for turn in turns for name in turn.owns}
    networks = {name: copy.deepcopy(getattr(model, name)) for name in names}
    plan = settings.get("optimization", {})
    averaged = plan.get("ema_decay", 0) or model.optimization.ema_half_life
    averages = {name: copy.deepcopy(networks[name]) for name in model.ema_modules() if averaged}
    n, counts, ages = SimpleNamespace(**networks), [0] * len(turns), dict.fromkeys(averages, 0)
    owned = [[p for name in turn.owns for p in networks[name].parameters()] for turn in turns]
    lazy = {turn.shares: settings[turn.every] for turn in turns if turn.shares is not None}
    optimizers = {
        turn.name: _optimizer(plan.get(turn.name, DCGANS_ADAM), parameters, lazy.get(turn.name))
        for turn, parameters in zip(turns, owned, strict=True)
        if turn.shares is None
    }
    optimizers |= {turn.name: optimizers[turn.shares] for turn in turns if turn.shares is not None}
    rates = {name: [group["lr"] for group in each.param_groups] for name, each in optimizers.items()}
    begin = plan.get("decay_begin", 1)
    content = round(settings.get("content_share", settings.get("stage1_share", 0)) * steps)
    prior = getattr(model, "prior", None), getattr(model, "latent_dim", 0)
    with torch.random.fork_rng():
        for step, batch in enumerate(batches):
            torch.manual_seed(fold_in(seed, step, -1, 0))  # of dropout
            for number, turn in enumerate(turns):
                if turn.phase is not None and (turn.phase == "content") != (step < content):
                    continue
                if turn.shares is not None and (step + 1) % settings[turn.every]:
                    continue
                if turn.waits and (step + 1) % plan.get("n_critic", 1):
                    continue
                if begin < 1:  # rates that fall to 0 in what is left of the run
                    left = min(1.0, (1 - step / steps) / (1 - begin))
                    for group, rate in zip(optimizers[turn.name].param_groups, rates[turn.name], strict=True):
                        group["lr"] = rate * left
                for name, ramp in settings.get("ramps", {}).items():
                    _set(optimizers[turn.name], name, rates[turn.name], on_a_cosine(ramp, step / steps))
                update = Update(batch, settings, *prior, (seed, step, number), counts[number], optimizers, step / steps)
                loss = turn.loss(n, update) * (1 if turn.shares is None else settings[turn.every])
                loss.backward(inputs=owned[number])
                for p in owned[number] if turn.shares is not None else ():
                    p.grad = torch.zeros_like(p) if p.grad is None else p.grad
                optimizers[turn.name].step()
                optimizers[turn.name].zero_grad()
                if turn.project is not None:
                    turn.project(n, settings)
                for name in set(turn.owns) & set(averages) if turn.shares is None else ():
                    decay = _decay(model.optimization, plan, step * len(batch.images), len(batch.images), step / steps)
                    ages[name] = 0 if turn.forgets and counts[number] == 0 else ages[name]
                    _average(averages[name], networks[name], min(decay, ages[name] / (ages[name] + 9)))
                    ages[name] += 1
                counts[number] += 1
    return networks | {f"ema.averages.{name}": average for name, average in averages.items()}


def on_a_cosine(number: Any, progress: float) -> float:
    """A number, or one that goes from a start to an end."""
    if not isinstance(number, Mapping):
        return float(number)
    way = (1 + math.cos(math.pi * progress)) / 2
    return float(way * number["start"] + (1 - way) * number["end"])


def _set(optimizer: torch.optim.Optimizer, name: str, rates: Sequence[float], value: float) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if name == "lr":
            group["lr"] = rate * value
        else:
            betas = list(group["betas"])
            betas[("beta1", "beta2").index(name)] = value
            group["betas"] = tuple(betas)


def _decay(plan: Any, given: Mapping[str, Any], shown: int, size: int, progress: float) -> float:
    if not plan.ema_half_life:
        return float(plan.ema_decay)
    half_life = on_a_cosine(given.get("ema_half_life", plan.ema_half_life), progress)
    if plan.ema_ramp:
        half_life = min(half_life, plan.ema_ramp * shown)
    return float(2 ** (-size / max(half_life, 1e-8)))


def _optimizer(spec: Mapping[str, Any], parameters: Sequence[nn.Parameter], lazy: int | None) -> torch.optim.Optimizer:
    module, _, name = spec["class_path"].rpartition(".")
    if lazy is not None:  # Karras et al. 2020, app. B
        c, given = lazy / (lazy + 1), spec["init_args"]
        spec = {"init_args": {**given, "lr": given["lr"] * c, "betas": [beta**c for beta in given["betas"]]}}
    fused = {"fused": True} if name in ("Adam", "SGD") else {}
    optimizer: torch.optim.Optimizer = getattr(importlib.import_module(module), name)(
        parameters, **spec["init_args"], **fused
    )
    return optimizer


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)
