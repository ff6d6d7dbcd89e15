"""A discriminator with what it is trained by: objective, regularizers, augmentation, earlier images, top-k."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lightning_gans.augment import Augment
from lightning_gans.batch import Sample, Scored
from lightning_gans.engine.checks import require_same_shape
from lightning_gans.engine.history import History
from lightning_gans.engine.top_k import TopK
from lightning_gans.errors import ConfigError
from lightning_gans.objectives import Objective
from lightning_gans.regularizers import Rand, Regularizer, differentiable, no_autocast_eager
from lightning_gans.schedule import Clock, value_at

Log = Callable[[str, Tensor | float], None]

_LEFT_OUT = {
    "augment": "calls the network itself, which it would pass by: use critic.score",
    "regularizers": "scored no real and no generated sample (Sample(..., generated=True)), so there is nothing to take "
    "it of: use critic.score",
    "objective": "is written by hand, and this changes the objective's: use critic.discriminator_loss",
    "history": "is written by hand: use critic.discriminator_loss, or leave the history out",
    "top_k": "is written by hand: use critic.generator_loss, or critic.select on its logits",
}
"""What to say of a loss that has passed by what is configured."""


@dataclass
class _Update:
    """What the engine tells a critic of one update, and what the loss has used so far."""

    clock: Clock
    rand: Rand
    log: Log | None
    trains: bool
    exact: bool
    unused: set[str]
    scored: dict[bool, Scored] = field(default_factory=dict)  # the first real and the first generated sample
    scoring: bool = False
    passed_by: bool = False  # the network was called while nothing was scored


class Critic(nn.Module):
    """What a discriminator's samples go through on their way to a loss.

    Losses get their logits from ``score``; then regularizers, which the engine adds by ``settle``, and augmentations
    apply to any loss, those that are written by hand included. It detaches nothing: the engine freezes who stands
    still, and some losses are what a discriminator becomes.

    Args:
        network: The discriminator; a part of the model that has it, not of this.
        objective: What the logits are for; None where the network gives features and the model has a loss of its own.
        regularizers: Added to the loss of the player who trains the network.
        augment: Done to every sample before the network sees it, in this order.
        history: Number of earlier generated images to train on beside the present ones (Shrivastava et al. 2017,
            arXiv:1612.07828, section 2.3); 0 for the present ones alone.
        top_k: Chooses among generated samples for the generator's loss; None for all of them.
        output_sizes: Sizes of logits and of what else the network gives, for one that gives all in one tensor (N, K).
        name: What tells its logged values from those of the model's other critics: ``logits/real_<name>``.

    Raises:
        ConfigError: A part does not fit the network or the objective.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective | None = None,
        regularizers: Iterable[Regularizer] = (),
        augment: Iterable[Augment] = (),
        history: int = 0,
        top_k: TopK | None = None,
        output_sizes: Sequence[int] = (),
        name: str = "",
    ) -> None:
        super().__init__()
        self.name = name
        self.network: nn.Module
        self.__dict__["network"] = network  # not registered: its weights keep the names that they have in the model
        self.objective, self.top_k, self.output_sizes = objective, top_k, tuple(output_sizes)
        self.regularizers, self.augment = tuple(regularizers), tuple(augment)
        self.stateful = nn.ModuleList(each for each in self.augment if isinstance(each, nn.Module))  # to be saved
        self.history = History(history) if history else None
        self._update: _Update | None = None
        self._watch: RemovableHandle | None = None
        for regularizer in self.regularizers:
            regularizer.validate(objective, network)
        for each in self.augment:
            each.validate(objective)
        if not (objective is not None and objective.mean_over_samples):
            self.refuse_top_k("a loss on features" if objective is None else type(objective).__name__)

    def refuse_top_k(self, loss: str) -> None:
        """Refuse a ``top_k`` where a generator's loss, which is named, is no mean over its samples alone.

        Raises:
            ConfigError: There is one.
        """
        if self.top_k is not None:
            hint = f"needs a generator's loss that is a mean over its samples, and that of {loss} is none; leave it out"
            raise ConfigError("top_k", type(self.top_k).__name__, hint)

    # What a loss uses.

    @property
    def needs_real(self) -> bool:
        """Whether the generator's loss depends on real samples."""
        return self.objective is not None and self.objective.needs_real

    def score(self, sample: Sample) -> Scored:
        """What the network says of a sample, under the augmentation; in float32 or more."""
        update = self._update  # None outside of training
        exact = update is not None and update.exact
        with no_autocast_eager(sample.inputs()[0].device) if exact else nullcontext():
            seen = sample = differentiable(sample) if exact else sample
            if update is not None:
                update.unused.discard("augment")
                for augment in self.augment:
                    changed = augment(seen.inputs()[0], update.rand, update.clock)
                    seen = seen._replace(latent=changed) if seen.image is None else seen._replace(image=changed)
            weight = next(self.network.parameters(), None)
            if weight is not None and weight.dtype in (torch.bfloat16, torch.float16):  # penalties come in float32
                seen = seen.map(lambda x: x.type(weight.dtype))
            if update is not None:
                update.scoring = True
            output: Any = self.network(*seen.tensors())
            if update is not None:
                update.scoring = False
        parts = output if isinstance(output, tuple) else self._split(output) if self.output_sizes else (output,)
        logits, *rest = (part if part.dtype == torch.float64 else part.float() for part in parts)
        scored = Scored(sample, logits, tuple(rest), seen)
        if update is not None:
            update.scored.setdefault(sample.generated, scored)
        return scored

    def logits(self, sample: Sample) -> Tensor:
        """The logits of a sample, (N, ...)."""
        return self.score(sample).logits

    def discriminator_loss(self, real: Sample | Scored, fake: Sample | Scored) -> Tensor:
        """The objective's loss of the discriminator, a scalar; generated images go through the history first."""
        if self.history is not None and isinstance(fake, Sample) and self._update is not None:
            self._update.unused.discard("history")
            fake = self.history(fake, self._update.rand)
        if isinstance(real, Sample) and isinstance(fake, Sample):
            _require_same_shape(real, fake)  # before a network fails on it
        real, fake = (x if isinstance(x, Scored) else self.score(x) for x in (real, fake))
        if self._update is not None:
            self._update.unused.discard("objective")
        return self._required_objective().discriminator(real.logits, fake.logits)

    def generator_loss(self, fake: Sample | Scored, real: Sample | Scored | None = None) -> Tensor:
        """The objective's loss of the generator, a scalar; ``real`` where the objective needs it."""
        objective, real_logits = self._required_objective(), None
        if objective.needs_real:
            if real is None:
                raise ConfigError("objective", type(objective).__name__, "the generator's loss needs real samples too")
            real_logits = (real if isinstance(real, Scored) else self.score(real)).logits
        fake_logits = (fake if isinstance(fake, Scored) else self.score(fake)).logits
        return objective.generator(self.select(fake_logits), real_logits)

    def select(self, fake_logits: Tensor) -> Tensor:
        """Logits of generated samples as the generator's loss takes them: all, or the top k."""
        if self.top_k is None or self._update is None:
            return fake_logits
        self._update.unused.discard("top_k")
        chosen = self.top_k(fake_logits, self._update.clock.step)
        if self._update.log is not None:
            self._update.log("top_k", len(chosen) / len(fake_logits))
        return chosen

    def regularization(self, real: Scored, fake: Scored) -> Tensor | None:
        """The sum of the regularizers that are due, weighted; None where none is.

        Raises:
            ConfigError: There is no update in which they could be.
        """
        update, terms = self._update, []
        if update is None:
            raise ConfigError("critic", "outside an update", "which regularizers are due is known in trainer.fit alone")
        for regularizer in self._due(update.clock):
            penalty = regularizer.penalty(self.logits, real, fake, update.rand)
            if update.log is not None:
                update.log(f"penalty/{regularizer.name}", penalty)
            terms.append(value_at(regularizer.weight, update.clock) * regularizer.interval * penalty)
        return torch.stack(terms).sum() if len(terms) > 1 else (terms[0] if terms else None)

    # What the engine does.

    def begin(self, clock: Clock, rand: Rand, log: Log | None, trains: bool) -> None:
        """Before an update: what is due in it.

        Args:
            clock: Of the player who trains the network.
            rand: The step's random numbers.
            log: Logs a value where logging is due; None where it is not.
            trains: Whether this is the update of the player who trains the network.
        """
        if log is not None and self.name:
            everyones = log
            log = lambda what, value: everyones(f"{what}_{self.name}", value)  # noqa: E731
        configured = {
            "augment": self.augment,
            "history": trains and self.history is not None,
            "objective": trains and any(each.needs_objective for each in self.regularizers),
            "top_k": not trains and self.top_k is not None,
        }
        exact = trains and any(each.differentiates_logits for each in self._due(clock))
        unused = {name for name, there in configured.items() if there}
        self._update = _Update(clock, rand, log, trains, exact, unused)
        if self.augment and self.network._compiled_call_impl is None:  # what is compiled would keep the hook
            self._watch = self.network.register_forward_pre_hook(self._note_call)

    def settle(self, player: str) -> Tensor | None:
        """After a player's loss: what its regularizers add, a scalar, or None where nothing is due.

        Raises:
            ConfigError: The loss leaves out an augmentation, a regularizer, the history or top-k.
        """
        update, added = self._update, None
        assert update is not None
        if update.trains and update.scored.keys() == {False, True}:
            real, fake = update.scored[False], update.scored[True]
            _require_same_shape(real.sample, fake.sample)
            for augment in self.augment:
                augment.observe(real.logits.detach(), update.clock)
            if update.log is not None and self.objective is not None:
                self._log_logits(update.log, real.logits, fake.logits, update.clock)
            added = self.regularization(real, fake) if self.regularizers else None
        elif update.trains and self.regularizers:
            update.unused.add("regularizers")
        if update.passed_by:
            update.unused.add("augment")
        if update.unused:
            left_out = min(update.unused)
            setting = "regularizers" if left_out == "objective" else left_out
            value = getattr(self, setting)
            names = [type(each).__name__ for each in (value if isinstance(value, tuple) else (value,))]
            raise ConfigError(setting, ", ".join(names), f"the {player}'s loss {_LEFT_OUT[left_out]}")
        return added

    def end(self) -> None:
        """After an update: nothing is remembered of it."""
        self._update = None
        if self._watch is not None:
            self._watch.remove()
            self._watch = None

    def _note_call(self, *_: Any) -> None:
        """Before each call of the network: a loss may score some samples, and pass by the augmentation with others."""
        if self._update is not None and not self._update.scoring:
            self._update.passed_by = True

    def _due(self, clock: Clock) -> list[Regularizer]:
        due = [each for each in self.regularizers if (clock.updates + 1) % each.interval == 0]
        return [each for each in due if not isinstance(each.weight, float | int) or each.weight > 0]

    def _split(self, output: Tensor) -> tuple[Tensor, ...]:
        if output.shape[1:] != (sum(self.output_sizes),):
            wanted = " + ".join(map(str, self.output_sizes))
            hint = f"this model needs {wanted}: logits, and what else it is asked for; set its out_features"
            raise ConfigError("discriminator", f"outputs {tuple(output.shape[1:])}", hint)
        parts: tuple[Tensor, ...] = output.split(self.output_sizes, dim=1)
        return parts

    def _required_objective(self) -> Objective:
        if self.objective is None:
            hint = "this model has a loss of its own; write discriminator_loss and generator_loss with critic.score"
            raise ConfigError("objective", None, hint)
        return self.objective

    def _log_logits(self, log: Log, real: Tensor, fake: Tensor, clock: Clock) -> None:
        log("logits/real", real)
        log("logits/fake", fake)
        log("accuracy/discriminator", discriminator_auc(real.detach(), fake.detach()))
        for augment in self.augment:
            for name, value in augment.logged(clock).items():
                log(name, value)


def _require_same_shape(real: Sample, fake: Sample) -> None:
    if real.image is not None and fake.image is not None:
        require_same_shape(real.image, fake.image)


def discriminator_auc(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """How often a real sample scores higher than a generated one, over all pairs: a scalar in [0, 1].

    Ties count one half. The area under the ROC curve: 1 is a perfect discriminator, 0.5 one that guesses. Right for
    probabilities and for critics, whose zero means nothing. Logits are (N, ...) and (M, ...); several of one sample
    (patches) are averaged.

    Example:
        >>> discriminator_auc(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]))
        tensor(0.7500)
    """
    real = real_logits.float().reshape(len(real_logits), -1).mean(1)  # (N,)
    fake = fake_logits.float().reshape(len(fake_logits), -1).mean(1)  # (M,)
    difference = real[:, None] - fake[None]  # (N, M)
    return (difference.sign() + 1).mean() / 2
