r"""f-divergences D_f(P || Q) = E_Q[f(p / q)] and what bounds them from samples: Nowozin et al. 2016, arXiv:1606.00709.

For a convex f with f(1) = 0 and its conjugate f*(t) = sup_{u >= 0} u t - f(u), every function T bounds the divergence:

    D_f(P || Q) >= E_P[T(x)] - E_Q[f*(T(x))],    with equality for T*(x) = f'(p(x) / q(x))

(eq. 4 and 5). A network's unbounded value v becomes T = g_f(v), in the domain of f*, by an output activation g_f that
increases with v: large values say real (eq. 6, tables 2 and 6). Where the papers' tables print one that decreases,
v changes its sign here.
"""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_gans.errors import ConfigError

_POINTS, _DEVIATIONS, _LARGEST_LOG_RATIO = 20_001, 12.0, 300.0  # of the numeric integrals


class Gaussian(NamedTuple):
    """A normal distribution on the line."""

    mean: float
    std: float

    def log_density(self, x: Tensor) -> Tensor:
        """Of points of any shape."""
        return -((x - self.mean) / self.std).square() / 2 - math.log(self.std * math.sqrt(2 * math.pi))


class Divergence(ABC):
    """An f-divergence: a convex function f, and what follows from it; an object, so that a recipe can name it."""

    @abstractmethod
    def f(self, u: Tensor) -> Tensor:
        """Its values for density ratios u = p / q > 0."""

    @abstractmethod
    def conjugate(self, t: Tensor) -> Tensor:
        """f*(t) = sup_{u >= 0} u t - f(u), for t in its domain."""

    @abstractmethod
    def activation(self, v: Tensor) -> Tensor:
        """g_f(v): from any real number to the domain of f*, increasing."""

    def optimal_critic(self, u: Tensor) -> Tensor:
        """T* = f'(u): the critic for which the bound is tight, from density ratios u = p / q."""
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.f(u).sum(), u)
        return slope

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """f*(g_f(v)), in a form that neither overflows nor loses digits where there is one."""
        return self.conjugate(self.activation(v))

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """D_f(P || Q) of two Gaussians: in closed form where there is one, here by numeric integration."""
        return integrated(self, p, q)


def integrated(divergence: Divergence, p: Gaussian, q: Gaussian) -> float:
    """D_f(P || Q) of two Gaussians by the trapezoid rule, in float64; for divergences that are finite.

    Example:
        >>> round(integrated(KL(), Gaussian(1.0, 1.0), Gaussian(0.0, 1.0)), 6)
        0.5
    """
    low, high = (pick(d.mean + sign * _DEVIATIONS * d.std for d in (p, q)) for pick, sign in ((min, -1), (max, 1)))
    x = torch.linspace(low, high, _POINTS, dtype=torch.float64)
    return float(divergence_on_grid(divergence, x, p.log_density(x), q.log_density(x)))


def divergence_on_grid(divergence: Divergence, x: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:
    """D_f(P || Q) by the trapezoid rule, a scalar, from log densities at ascending points of the line, all (R,).

    Where p > q, q f(u) is computed as p f(u) / u, so that no ratio has to be represented beside a vanishing density.
    """
    u = (log_p - log_q).clamp(-_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO).exp()
    weight = torch.where(u > 1, log_p.exp() / u, log_q.exp())
    return torch.trapezoid(weight * divergence.f(u), x)


def _power_integral(alpha: float, p: Gaussian, q: Gaussian) -> float:
    """The integral of p^alpha q^(1 - alpha) for two Gaussians; infinite where the integral does not exist."""
    variance = alpha * q.std**2 + (1 - alpha) * p.std**2
    if variance <= 0:
        return math.inf
    scale = math.pow(q.std, alpha) * math.pow(p.std, 1 - alpha) / math.sqrt(variance)
    return scale * math.exp(-alpha * (1 - alpha) * (p.mean - q.mean) ** 2 / (2 * variance))


class KL(Divergence):
    """Kullback-Leibler, int p log(p / q): f(u) = u log u. Covers every mode, at the price of samples between them."""

    f = staticmethod(lambda u: torch.xlogy(u, u))
    conjugate = staticmethod(lambda t: (t - 1).exp())
    activation = staticmethod(lambda v: v)

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """log(s_q / s_p) + (s_p^2 + (m_p - m_q)^2) / (2 s_q^2) - 1/2."""
        return math.log(q.std / p.std) + (p.std**2 + (p.mean - q.mean) ** 2) / (2 * q.std**2) - 0.5


class ReverseKL(Divergence):
    """Reverse Kullback-Leibler, int q log(q / p): f(u) = -log u. Keeps to the modes that it has found."""

    f = staticmethod(lambda u: -u.log())
    conjugate = staticmethod(lambda t: -1 - (-t).log())  # t < 0
    activation = staticmethod(lambda v: -(-v).exp())
    conjugate_of_activation = staticmethod(lambda v: v - 1)

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """KL(Q || P)."""
        return KL().analytic(q, p)


class PearsonChi2(Divergence):
    """Pearson's chi^2, int (p - q)^2 / q: f(u) = (u - 1)^2.

    f*(t) is t^2 / 4 + t, and -1 for t < -2: there u = 0 is best; the paper's table goes on as a parabola.
    """

    f = staticmethod(lambda u: (u - 1).square())
    conjugate = staticmethod(lambda t: F.relu(t / 2 + 1).square() - 1)
    activation = staticmethod(lambda v: v)

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """The integral of p^2 / q, minus 1: infinite unless s_p^2 < 2 s_q^2."""
        return _power_integral(2, p, q) - 1


class NeymanChi2(Divergence):
    """Neyman's chi^2, int (p - q)^2 / p: f(u) = (1 - u)^2 / u."""

    f = staticmethod(lambda u: (1 - u).square() / u)
    conjugate = staticmethod(lambda t: 2 - 2 * (1 - t).sqrt())  # t < 1
    activation = staticmethod(lambda v: -torch.expm1(-v))  # 1 - exp(-v)
    conjugate_of_activation = staticmethod(lambda v: -2 * torch.expm1(-v / 2))  # 2 - 2 exp(-v / 2)

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """The integral of q^2 / p, minus 1: infinite unless s_q^2 < 2 s_p^2."""
        return _power_integral(-1, p, q) - 1


class SquaredHellinger(Divergence):
    """Squared Hellinger distance, int (sqrt(p) - sqrt(q))^2, at most 2: f(u) = (sqrt(u) - 1)^2."""

    f = staticmethod(lambda u: (u.sqrt() - 1).square())
    conjugate = staticmethod(lambda t: t / (1 - t))  # t < 1
    activation = staticmethod(lambda v: -torch.expm1(-v))  # 1 - exp(-v)
    conjugate_of_activation = staticmethod(lambda v: torch.expm1(v))

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """2 - 2 int sqrt(p q)."""
        return 2 - 2 * _power_integral(0.5, p, q)


class JensenShannon(Divergence):
    """Twice the Jensen-Shannon divergence, int p log(2 p / (p + q)) + q log(2 q / (p + q)), at most 2 log 2.

    f(u) = u log u - (u + 1) log((u + 1) / 2). The best v is log(p / q). Gaussians have no closed form.
    """

    f = staticmethod(lambda u: torch.xlogy(u, u) - (u + 1) * ((u + 1) / 2).log())
    conjugate = staticmethod(lambda t: -(2 - t.exp()).log())  # t < log 2
    activation = staticmethod(lambda v: math.log(2) - F.softplus(-v))
    conjugate_of_activation = staticmethod(lambda v: F.softplus(v) - math.log(2))


class GANDivergence(Divergence):
    """That of the original GAN, 2 JSD - 2 log 2 (the one with f(1) = -2 log 2): f(u) = u log u - (u + 1) log(u + 1).

    Its bound is minus the loss of ``GAN``'s discriminator, to the letter. Gaussians have no closed form.
    """

    f = staticmethod(lambda u: torch.xlogy(u, u) - (u + 1) * torch.log1p(u))
    conjugate = staticmethod(lambda t: -(-torch.expm1(t)).log())  # -log(1 - exp(t)), t < 0
    activation = staticmethod(lambda v: -F.softplus(-v))
    conjugate_of_activation = staticmethod(lambda v: F.softplus(v))


class TotalVariation(Divergence):
    """Total variation distance, 1/2 int |p - q|, at most 1: f(u) = |u - 1| / 2.

    T* = sign(u - 1) / 2 is reached by the activation in the limit alone.
    """

    f = staticmethod(lambda u: (u - 1).abs() / 2)
    conjugate = staticmethod(lambda t: t.clamp(min=-0.5))  # t <= 1/2
    activation = staticmethod(lambda v: v.tanh() / 2)

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """erf(|m_p - m_q| / (2 sqrt(2) s)) for equal deviations s; for others by numeric integration."""
        if p.std != q.std:
            return super().analytic(p, q)
        return math.erf(abs(p.mean - q.mean) / (2 * math.sqrt(2) * p.std))


class Alpha(Divergence):
    """Alpha divergence, int q ((p / q)^a - 1 - a (p / q - 1)) / (a (a - 1)): KL as a -> 1, reverse KL as a -> 0.

    Args:
        alpha: a, neither 0 nor 1; 2 is half of Pearson's chi^2, -1 half of Neyman's, 1/2 twice the squared Hellinger.

    Raises:
        ConfigError: ``alpha`` is 0 or 1.
    """

    def __init__(self, alpha: float = 0.5) -> None:
        if alpha in (0, 1):
            raise ConfigError("alpha", alpha, "has a name of its own: 0 is ReverseKL, 1 is KL")
        self.alpha = float(alpha)

    def f(self, u: Tensor) -> Tensor:
        """f: (u^a - 1 - a (u - 1)) / (a (a - 1))."""
        return (u**self.alpha - 1 - self.alpha * (u - 1)) / (self.alpha * (self.alpha - 1))

    def conjugate(self, t: Tensor) -> Tensor:
        """f*(t) = ((1 + (a - 1) t)^(a / (a - 1)) - 1) / a, t < 1 / (1 - a) for a < 1; -1 / a for negative bases."""
        return self._power(1 + (self.alpha - 1) * t)

    def activation(self, v: Tensor) -> Tensor:
        """g(v) = 1 / (1 - a) - log(1 + exp(-v)) for a < 1, v for a > 1."""
        return v if self.alpha > 1 else 1 / (1 - self.alpha) - F.softplus(-v)

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """The same with its base 1 + (a - 1) g(v): for a < 1 it is (1 - a) log(1 + exp(-v)), no small difference."""
        return self._power(1 + (self.alpha - 1) * v if self.alpha > 1 else (1 - self.alpha) * F.softplus(-v))

    def _power(self, base: Tensor) -> Tensor:
        return (F.relu(base) ** (self.alpha / (self.alpha - 1)) - 1) / self.alpha

    def analytic(self, p: Gaussian, q: Gaussian) -> float:
        """(int p^a q^(1 - a) - 1) / (a (a - 1)); infinite where the integral is."""
        return (_power_integral(self.alpha, p, q) - 1) / (self.alpha * (self.alpha - 1))
