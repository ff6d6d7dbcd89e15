"""How steep the discriminator may be in what it scores: gradient penalties, and bounds of its weights.

Penalties are means over samples of a function of the per-sample gradient, so a discriminator with batch statistics,
whose logits of one sample depend on the others, has no such gradient: use one without batch norm. They are computed
without autocast and without compilation: both would lose the second derivative, or its digits.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from lightning_gans.batch import Sample, Scored
from lightning_gans.errors import ConfigError

Score = Callable[[Sample], Tensor]
"""From a sample to the logits (N, ...) that a discriminator gives it."""


def gradient_penalty(score: Score, real: Sample, fake: Sample, alpha: Tensor) -> Tensor:
    """E[(|grad D(x_hat)|_2 - 1)^2] with x_hat = alpha x + (1 - alpha) G(z): a scalar.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1: the gradient of the optimal critic has norm 1 along
    straight lines between real and generated samples.

    Of as many real as generated samples, with alpha (N,) uniform in [0, 1); conditions are those of the real ones.

    Example:
        >>> w = torch.tensor([3.0, 4.0])  # a linear critic is equally steep everywhere: (|w| - 1)^2
        >>> real, fake = Sample(torch.zeros(2, 2)), Sample(torch.ones(2, 2))
        >>> gradient_penalty(lambda sample: sample.image @ w, real, fake, torch.rand(2)).detach()
        tensor(16.)
    """
    with no_autocast_eager(alpha.device):
        between = interpolated(real, fake, alpha)
        norms: Tensor = input_gradients(between, score(between)).norm(dim=1)  # (N,)
        return (norms - 1).square().mean()


def squared_gradient_penalty(scored: Scored) -> Tensor:
    """E[|grad D(x)|^2] at samples that were scored as ``differentiable``: a scalar. R_1, R_2 are gamma / 2 times it.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 9 and 10: D is flat on the data once the game is won.

    Example:
        >>> w = torch.tensor([3.0, 4.0])
        >>> sample = differentiable(Sample(torch.zeros(2, 2)))
        >>> squared_gradient_penalty(Scored(sample, sample.image @ w)).detach()
        tensor(25.)
    """
    with no_autocast_eager(scored.logits.device):
        return input_gradients(scored.sample, scored.logits).square().sum(1).mean()


def input_gradients(sample: Sample, logits: Tensor) -> Tensor:
    """The gradient of logits (N, ...) by the image and latent of ``differentiable`` samples: (N, D), differentiable."""
    grads = torch.autograd.grad(logits.sum(), sample.inputs(), create_graph=True)
    return torch.cat([g.flatten(1) for g in grads], dim=1)


def interpolated(real: Sample, fake: Sample, alpha: Tensor) -> Sample:
    """Samples on the straight lines between pairs, to differentiate by, in float32 or more.

    The conditions, which do not mix, are the real ones.
    """
    between: dict[str, Any] = {}
    for name, x, g in (("image", real.image, fake.image), ("latent", real.latent, fake.latent)):
        if x is not None and g is not None:
            x = x.to(torch.promote_types(x.dtype, torch.float32))
            mixed = torch.lerp(g.to(x.dtype), x, alpha.to(x.dtype).view(-1, *[1] * (x.ndim - 1)))
            between[name] = mixed if mixed.requires_grad else mixed.requires_grad_()
    return real._replace(**between)


def differentiable(sample: Sample) -> Sample:
    """The same in float32 or more, with image and latent to differentiate by.

    What a generator that learns just now has made stays a function of it: some losses are what a discriminator becomes.
    """

    def leaf(x: Tensor) -> Tensor:
        whole = x.to(torch.promote_types(x.dtype, torch.float32))
        return whole if whole.requires_grad else whole.detach().requires_grad_()

    return sample.map(leaf)


@torch.no_grad()
def clip_weights_(parameters: Iterable[Tensor], bound: float) -> None:
    """Clamp every weight to [-bound, bound], in place: w <- clip(w, -c, c).

    Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1, line 7: keeps the critic in a compact set, hence K-Lipschitz
    for some K.

    Example:
        >>> w = torch.tensor([-0.5, 0.003, 0.2])
        >>> clip_weights_([w], 0.01)
        >>> w
        tensor([-0.0100,  0.0030,  0.0100])
    """
    tensors = list(parameters)
    torch._foreach_clamp_min_(tensors, -bound)
    torch._foreach_clamp_max_(tensors, bound)


def require_no_batch_statistics(discriminator: nn.Module) -> None:
    """Check that a discriminator scores each sample by itself, as gradient penalties assume.

    Raises:
        ConfigError: It has batch norm, or a layer that ``uses_batch``: a sample's logits depend on the others.
    """
    for name, module in discriminator.named_modules():
        uses_batch = getattr(module, "uses_batch", False)
        if uses_batch or isinstance(module, nn.modules.batchnorm._BatchNorm):
            kind = f"{type(module).__name__} at {name!r}"
            without = "leave that layer out" if uses_batch else "batch_norm: false"
            hint = f"a gradient penalty needs one that scores each sample by itself ({without})"
            raise ConfigError("discriminator", kind, hint)


@contextmanager
def no_autocast_eager(device: torch.device) -> Iterator[None]:
    """No autocast; and if anything was compiled, its uncompiled form: compiled code has no second derivative."""
    compiled = "torch._dynamo" in sys.modules  # asking torch.compiler would load the compiler, which takes seconds
    stance = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    with torch.autocast(device.type, enabled=False), torch.enable_grad(), stance:
        yield
