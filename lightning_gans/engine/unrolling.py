"""Optimizer steps that can be differentiated: a network after k more updates, as a function of its inputs.

Torch's own optimizers change weights in place and forget how. Here a step is a pure function of weights and gradients,
so that what comes of k steps has an exact gradient, second derivatives included.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import SGD, Adam, Optimizer

from lightning_gans.errors import ConfigError

UpdateRule = Callable[[Tensor, Tensor], Tensor]
"""From a weight and its gradient to the weight one step on; may remember the steps before."""


class InnerOptimizer(ABC):
    """How a network that is unrolled would be updated; an object, so that a recipe can name it."""

    @abstractmethod
    def update_rules(self, own: Optimizer, parameters: Sequence[nn.Parameter]) -> list[UpdateRule]:
        """The rule of each parameter that is unrolled, at the first of the steps.

        ``own`` is the optimizer that really updates the network; read, never changed.
        """


class InnerSGD(InnerOptimizer):
    """Plain gradient descent, w - lr g: the equations of Metz et al. 2017, arXiv:1611.02163, section 2.2.

    Args:
        lr: Learning rate.

    Raises:
        ConfigError: It is not positive.
    """

    def __init__(self, lr: float) -> None:
        if lr <= 0:
            raise ConfigError("inner_optimizer.lr", lr, "must be positive")
        self.lr = lr

    def update_rules(self, own: Optimizer, parameters: Sequence[nn.Parameter]) -> list[UpdateRule]:
        """The same rule for all, without a memory."""
        return [lambda weight, grad: weight - self.lr * grad for _ in parameters]


class SameOptimizer(InnerOptimizer):
    """The network's own optimizer, Adam or SGD, from where it stands: its present rates, moments and step counts.

    As in the code that the authors published of Metz et al. 2017, arXiv:1611.02163.
    """

    def update_rules(self, own: Optimizer, parameters: Sequence[nn.Parameter]) -> list[UpdateRule]:
        """Adam's or SGD's rule for each parameter.

        Raises:
            ConfigError: The optimizer is another, or has settings that cannot be unrolled.
        """
        kind = _RULES.get(type(own))
        groups = {id(p): group for group in own.param_groups for p in group["params"]}
        odd = [name for name in _UNSUPPORTED if any(group.get(name) for group in own.param_groups)]
        if kind is None or odd:
            hint = "only Adam and SGD can be unrolled; let it be one of them, or give an inner_optimizer"
            raise ConfigError("optimization.discriminator", " ".join([type(own).__name__, *odd]), hint)
        return [kind(groups[id(p)], own.state.get(p, {})) for p in parameters]


class _SGD:
    """v <- mu v + (1 - dampening) g,  w <- w - lr v; plain, or with Nesterov's look ahead."""

    def __init__(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        self.group = group
        self.velocity: Tensor | None = state.get("momentum_buffer")

    def __call__(self, weight: Tensor, grad: Tensor) -> Tensor:
        group, momentum = self.group, self.group["momentum"]
        step = grad + group["weight_decay"] * weight if group["weight_decay"] else grad
        if momentum:
            kept = step if self.velocity is None else momentum * self.velocity + (1 - group["dampening"]) * step
            self.velocity = kept
            step = step + momentum * kept if group["nesterov"] else kept
        moved: Tensor = weight - group["lr"] * step
        return moved


class _Adam:
    """m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  w <- w - lr m_hat / (sqrt(v_hat) + eps)."""

    def __init__(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        self.group, self.steps = group, state.get("step", 0)
        self.mean, self.square = state.get("exp_avg"), state.get("exp_avg_sq")

    def __call__(self, weight: Tensor, grad: Tensor) -> Tensor:
        group, (beta1, beta2) = self.group, self.group["betas"]
        grad = grad + group["weight_decay"] * weight if group["weight_decay"] else grad
        mean = torch.zeros_like(weight) if self.mean is None else self.mean
        square = torch.zeros_like(weight) if self.square is None else self.square
        precise = torch.promote_types(weight.dtype, torch.float32)  # 1 - beta2 is 0 in half precision
        steps = torch.as_tensor(self.steps, dtype=precise, device=weight.device) + 1
        mean = torch.lerp(mean, grad, 1 - beta1)
        square = torch.addcmul(beta2 * square, grad, grad, value=1 - beta2)
        self.steps, self.mean, self.square = steps, mean, square
        # The root of 0 has no derivative: a weight that never had a gradient stays where it is.
        root = (square.clamp_min(torch.finfo(square.dtype).tiny) / (1 - beta2**steps)).sqrt()
        moved: Tensor = weight - mean / (root + group["eps"]) * (group["lr"] / (1 - beta1**steps))
        return moved


_RULES: dict[type[Optimizer], Callable[[Mapping[str, Any], Mapping[str, Any]], UpdateRule]] = {SGD: _SGD, Adam: _Adam}
_UNSUPPORTED = ("amsgrad", "maximize", "decoupled_weight_decay")


def unroll(
    module: nn.Module, loss: Callable[[], Tensor], steps: int, own: Optimizer, inner: InnerOptimizer
) -> dict[str, Tensor]:
    """Weights and buffers of a module after k steps on a loss, as differentiable functions of what the loss used.

    By their names in the module, for ``functional_call_with``. The module itself, its buffers and its optimizer stay
    bit for bit as they are.

    Args:
        module: The network.
        loss: What it descends; every call of the module in it sees the weights of the present step.
        steps: k; 0 for the weights as they are.
        own: The optimizer that really updates the module; what it does not hold stays fixed.
        inner: How the module would be updated.
    """
    moved = {id(p) for group in own.param_groups for p in group["params"]}
    parameters = {name: p for name, p in module.named_parameters() if id(p) in moved}
    # Copies: buffers change in place, and the parameters of what is frozen are frozen.
    state = {name: p.detach() for name, p in module.named_parameters()}
    state |= {name: buffer.clone() for name, buffer in module.named_buffers()}
    weights = [p.detach().clone().requires_grad_() for p in parameters.values()]
    rules = inner.update_rules(own, list(parameters.values()))
    for _ in range(steps):
        value = functional_call_with(module, state | dict(zip(parameters, weights, strict=True)), loss)
        grads = torch.autograd.grad(value, weights, create_graph=True, allow_unused=True)
        stepped = zip(rules, weights, grads, strict=True)
        weights = [w if g is None else rule(w, g) for rule, w, g in stepped]  # an optimizer skips what has no gradient
    return state | dict(zip(parameters, weights, strict=True))


def functional_call_with(module: nn.Module, state: Mapping[str, Tensor], function: Callable[[], Tensor]) -> Tensor:
    """What a function, which calls a module wherever it likes, returns while the module has other weights and buffers.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> functional_call_with(layer, {"weight": torch.tensor([[3.0]])}, lambda: layer(torch.ones(1, 1))).item()
        3.0
    """
    renamed = {f"module.{name}": tensor for name, tensor in state.items()}
    value: Tensor = functional_call(_FunctionOf(module, function), renamed, ())
    return value


class _FunctionOf(nn.Module):
    def __init__(self, module: nn.Module, function: Callable[[], Tensor]) -> None:
        super().__init__()
        self.module, self.function = module, function

    def forward(self) -> Tensor:
        return self.function()
