"""Gradient penalties: how steep the discriminator may be in what it judges.

All are means over samples of a function of the per-sample gradient, so a discriminator with batch statistics, whose
logits of one sample depend on the others, has no such gradient: use one without batch norm. They are computed without
autocast and without compilation: both would lose the second derivative, or its digits.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError

Judge = Callable[..., Tensor]
"""From what a discriminator judges (images, or images and labels, ...) to logits (N, ...)."""


def gradient_penalty(judge: Judge, real: Sequence[Tensor], fake: Sequence[Tensor], alpha: Tensor) -> Tensor:
    r"""E[(|grad D(x_hat)|_2 - 1)^2] with x_hat = alpha x + (1 - alpha) G(z): a scalar.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1: the gradient of the optimal critic has norm 1 along
    straight lines between real and generated samples.

    Args:
        judge: The critic.
        real: What it judges of real samples: tensors (N, ...); those that are no floats (labels) are not mixed.
        fake: The same of generated samples.
        alpha: Where between the two, uniform in [0, 1), one for each sample: (N,).

    Example:
        >>> w = torch.tensor([3.0, 4.0])  # a linear critic is equally steep everywhere: (|w| - 1)^2
        >>> gradient_penalty(lambda x: x @ w, (torch.zeros(2, 2),), (torch.ones(2, 2),), torch.rand(2)).detach()
        tensor(16.)
    """
    norms: Tensor = torch.linalg.vector_norm(_slopes(judge, _mixed(real, fake, alpha)), dim=1)  # (N,)
    return (norms - 1).square().mean()


def r1_penalty(judge: Judge, real: Sequence[Tensor]) -> Tensor:
    r"""E[|grad D(x)|^2] at real samples: a scalar; the paper's R_1 is gamma / 2 times this.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, eq. 9: D is flat on the data once the game is won.

    Args:
        judge: The discriminator.
        real: What it judges of real samples: tensors (N, ...).

    Example:
        >>> w = torch.tensor([3.0, 4.0])
        >>> r1_penalty(lambda x: x @ w, (torch.zeros(2, 2),)).detach()
        tensor(25.)
    """
    return _slopes(judge, real).square().sum(1).mean()


def r2_penalty(judge: Judge, fake: Sequence[Tensor]) -> Tensor:
    r"""E[|grad D(G(z))|^2] at generated samples: a scalar; the paper's R_2 is gamma / 2 times this.

    Mescheder et al. 2018, arXiv:1801.04406, eq. 10.

    Args:
        judge: The discriminator.
        fake: What it judges of generated samples: tensors (N, ...).

    Example:
        >>> w = torch.tensor([3.0, 4.0])
        >>> r2_penalty(lambda x: x @ w, (torch.zeros(2, 2),)).detach()
        tensor(25.)
    """
    return _slopes(judge, fake).square().sum(1).mean()


def require_sample_wise(discriminator: nn.Module) -> None:
    """Check that a discriminator judges each sample by itself, as gradient penalties assume.

    Args:
        discriminator: The network.

    Raises:
        ConfigError: It has batch norm, or a layer that is ``batch_wise``: a sample's logits depend on the others.
    """
    for name, module in discriminator.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) or getattr(module, "batch_wise", False):
            kind = f"{type(module).__name__} at {name!r}"
            without = "leave that layer out" if getattr(module, "batch_wise", False) else "batch_norm: false"
            hint = f"a gradient penalty needs one that judges each sample by itself ({without})"
            raise ConfigError("discriminator", kind, hint)


def _mixed(real: Sequence[Tensor], fake: Sequence[Tensor], alpha: Tensor) -> list[Tensor]:
    """Points between real and generated samples, sample by sample; labels, which do not mix, are the real ones."""
    return [
        torch.lerp(g.to(x.dtype), x, alpha.to(x.dtype).view(-1, *[1] * (x.ndim - 1))) if x.is_floating_point() else x
        for x, g in zip(real, fake, strict=True)
    ]


def _slopes(judge: Judge, inputs: Sequence[Tensor]) -> Tensor:
    """The gradient of each sample's logits, over all floating-point inputs together: (N, D), differentiable."""
    with exact(inputs[0].device):
        points = [_point(x) if x.is_floating_point() else x for x in inputs]
        steep = [x for x in points if x.requires_grad]
        grads = torch.autograd.grad(judge(*points).sum(), steep, create_graph=True)
        return torch.cat([g.flatten(1) for g in grads], dim=1)


def _point(x: Tensor) -> Tensor:
    """Where to take the slope; a function of what made it, for those whose loss is what a discriminator becomes."""
    whole = x.to(torch.promote_types(x.dtype, torch.float32))
    return whole if whole.requires_grad else whole.detach().requires_grad_()


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """No autocast; and if anything was compiled, its uncompiled form: compiled code has no second derivative."""
    compiled = "torch._dynamo" in sys.modules  # asking torch.compiler would load the compiler, which takes seconds
    stance = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    with torch.autocast(device.type, enabled=False), torch.enable_grad(), stance:
        yield
