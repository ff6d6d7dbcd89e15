"""Figures of generated samples alone: modes and classes that they cover, Inception Score, Vendi score."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.moments import chunks
from lightning_gans.evaluation.metrics.functional.statistics import MeanAndStd, checked_features
from lightning_gans.objectives.kernels import Kernel, LinearKernel

COSINE = LinearKernel()  # a linear kernel made to have k(x, x) = 1 is the cosine


class ModeCoverageResult(NamedTuple):
    """Captured modes, fraction of high quality, and divergences to uniform in nats (float64 scalars)."""

    modes: Tensor
    high_quality: Tensor
    reverse_kl: Tensor
    jsd: Tensor


def mode_coverage(samples: Tensor, means: Tensor, std: float | Tensor, threshold: float = 3.0) -> ModeCoverageResult:
    r"""Modes captured and samples of high quality on a mixture of isotropic Gaussians of equal weights.

    A sample is of high quality within ``threshold`` standard deviations of its nearest mode; a mode is captured when
    some sample of high quality is nearest to it (Srivastava et al. 2017, arXiv:1705.07761, section 5.1). With q the
    histogram of the samples of high quality over the K modes and u = 1/K, reverse KL is ``sum q log(q / u)``, 0 to
    log K, and the Jensen-Shannon divergence ``KL(q || m) / 2 + KL(u || m) / 2``, m = (q + u) / 2, 0 to log 2 (Lin et
    al. 2018, arXiv:1712.04086); both are NaN when no sample is of high quality.

    A perfect generator in two dimensions scores a quality of 1 - exp(-9/2) = 98.889%. Never read the modes without
    the quality: uniform noise captures nearly all of them.

    Samples are (N, d), centers of the modes (K, d); ``std`` is the standard deviation of every mode, or of each (K,).

    Raises:
        ConfigError: If shapes do not fit, a value is not finite, or std or threshold is not above 0.

    Example:
        >>> means = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
        >>> result = mode_coverage(torch.tensor([[0.1, 0.0], [0.0, 0.2], [5.0, 5.0]]), means, std=0.1)
        >>> [round(float(value), 4) for value in result]
        [1.0, 0.6667, 0.6931, 0.2158]
    """
    nearest, squared = _nearest(samples, means, std, threshold)
    return _covered(torch.bincount(nearest[squared <= threshold**2], minlength=len(means)), len(samples))


def mode_spread(samples: Tensor, means: Tensor, std: float | Tensor, threshold: float = 3.0) -> Tensor:
    r"""How wide samples lie around their modes, against the mixture's own: what quality and modes do not see.

    The root mean square distance of the samples of high quality from their modes, in standard deviations of the mode,
    over that of a perfect generator: 0 for one that repeats their centers, which scores a perfect quality. A generator
    that has learned the modes' shape scores 1; so can another, such as a circle around each center. Arguments and
    errors are those of ``mode_coverage``; a float64 scalar on the CPU, NaN when no sample is of high quality.

    Example:
        >>> means = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
        >>> mode_spread(means, means, std=0.1), mode_spread(torch.randn(10_000, 2), means, std=1.0).round(decimals=1)
        (tensor(0., dtype=torch.float64), tensor(1., dtype=torch.float64))
    """
    _, squared = _nearest(samples, means, std, threshold)
    # E[|u|^2, |u| <= t] = d P(d / 2 + 1, t^2 / 2) / P(d / 2, t^2 / 2) of a standard normal u, P the regularized gamma.
    half, bound = torch.tensor(samples.shape[1] / 2).double(), torch.tensor(threshold**2 / 2).double()
    perfect = 2 * half * torch.special.gammainc(half + 1, bound) / torch.special.gammainc(half, bound)
    spread: Tensor = (squared[squared <= threshold**2].mean() / perfect).sqrt()
    return spread


def _nearest(samples: Tensor, means: Tensor, std: float | Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The nearest mode of each sample, (N,), and its squared distance in that mode's standard deviations, (N,)."""
    samples = checked_features("samples", samples)
    means = checked_features("means", means).to(samples.device).double()
    if means.shape[1] != samples.shape[1]:
        raise ConfigError("means", tuple(means.shape), f"the samples have dimension {samples.shape[1]}")
    widths = torch.as_tensor(std, dtype=torch.float64, device=samples.device).expand(len(means))
    if not bool((widths > 0).all()) or not threshold > 0:
        raise ConfigError("std", std, f"standard deviations and the threshold ({threshold}) must be above 0")
    parts = (samples[rows, None].double() - means for rows in chunks(len(samples), means.numel()))  # (n, K, d)
    found = [part.square().sum(2).min(1) for part in parts]
    nearest = torch.cat([each.indices for each in found])
    squared = torch.cat([each.values for each in found]) / widths[nearest].square()
    return nearest.cpu(), squared.cpu()


def class_coverage(labels: Tensor, num_classes: int) -> ModeCoverageResult:
    """The figures of ``mode_coverage`` for classes of equal shares, from the labels (N,) that a classifier gives.

    For Stacked MNIST there are 1,000 classes (a digit for each channel) and by convention 26,000 samples (Srivastava et
    al. 2017, arXiv:1705.07761, section 5.2). Every sample counts, so that ``high_quality`` is 1.

    Raises:
        ConfigError: If there are no labels, or one is out of range.

    Example:
        >>> class_coverage(torch.tensor([0, 1, 1, 0]), num_classes=2)[0]
        tensor(2., dtype=torch.float64)
    """
    if labels.ndim != 1 or len(labels) == 0:
        raise ConfigError("labels", tuple(labels.shape), "labels are a vector with one class for each sample")
    if int(labels.min()) < 0 or int(labels.max()) >= num_classes:
        raise ConfigError("num_classes", num_classes, f"labels run from {int(labels.min())} to {int(labels.max())}")
    return _covered(torch.bincount(labels.cpu().long(), minlength=num_classes), len(labels))


def _covered(counts: Tensor, total: int) -> ModeCoverageResult:
    """The figures from the number of good samples at each mode (K,)."""
    good, modes = int(counts.sum()), len(counts)
    q = counts.double() / (good or math.nan)
    middle = (q + 1 / modes) / 2
    reverse_kl = (torch.special.xlogy(q, q * modes)).sum()
    jsd = (torch.special.xlogy(q, q / middle).sum() - (middle * modes).log().mean()) / 2
    captured = (counts > 0).sum().double()
    return ModeCoverageResult(captured, torch.tensor(good / total, dtype=torch.float64), reverse_kl, jsd)


def num_classes_covered(logits: Tensor) -> int:
    """How many of K classes hold at least a fifth of the samples that an even spread would give them, of logits (N, K).

    Example:
        >>> num_classes_covered(torch.eye(3).repeat(4, 1)[:11]), num_classes_covered(torch.eye(3)[[0] * 50 + [1]])
        (3, 1)
    """
    counts = torch.bincount(logits.argmax(1), minlength=logits.shape[1])
    return int((counts >= 0.2 * len(logits) / logits.shape[1]).sum())


def class_accuracy(logits: Tensor, labels: Tensor) -> float:
    """How often, from 0 to 1, the first choice of a classifier, with logits (N, K), is the label (N,).

    Example:
        >>> class_accuracy(torch.eye(3), torch.tensor([0, 1, 0])) == 2 / 3
        True
    """
    return float((logits.argmax(1).cpu() == labels.cpu()).double().mean())


def inception_score(logits: Tensor, splits: int = 10, seed: int | None = 2020) -> MeanAndStd:
    r"""``exp E_x KL(p(y|x) || p(y))``, averaged over splits of the samples.

    Salimans et al. 2016, arXiv:1606.03498, section 4. The logits (N, C) of a classifier are shuffled by
    ``numpy.random.RandomState(seed)`` (None: not at all) and split at i N // splits, as torch-fidelity does. The mean
    is between 1 and C; the standard deviation over the splits has ddof = 0, so that it is 0 for one split.

    Raises:
        ConfigError: If the logits are not a finite matrix, or fewer than the splits.

    Example:
        >>> inception_score(20 * torch.eye(4), splits=1).mean  # four samples, sure of four classes
        tensor(4.0000, dtype=torch.float64)
    """
    if splits < 1:
        raise ConfigError("splits", splits, "there must be one split at least")
    logits = checked_features("logits", logits).cpu().double()
    count = len(logits)
    if count < splits:
        raise ConfigError("splits", splits, f"there are only {count} samples; use fewer splits")
    if seed is not None:
        logits = logits[torch.from_numpy(np.random.RandomState(seed).permutation(count))]
    log_p = logits.log_softmax(1)
    bounds = [i * count // splits for i in range(splits + 1)]
    scores = torch.stack([_score(log_p[start:stop]) for start, stop in pairwise(bounds)])
    return MeanAndStd(scores.mean(), scores.std(correction=0))


def _score(log_p: Tensor) -> Tensor:
    """``exp`` of the mean divergence from the marginal, of log probabilities (n, C)."""
    divergence: Tensor = (log_p.exp() * (log_p - _log_marginal(log_p))).sum(1)
    return divergence.mean().exp()


def _log_marginal(log_p: Tensor) -> Tensor:
    """Log p(y), (C,), of log probabilities (n, C); finite also where p underflows."""
    return torch.logsumexp(log_p, 0) - math.log(len(log_p))


class ClassEntropies(NamedTuple):
    """H(y) and H(y|x) in nats (float64 scalars from 0 to log C)."""

    marginal: Tensor
    conditional: Tensor


def class_entropies(logits: Tensor) -> ClassEntropies:
    """What the Inception Score of logits (N, C) of a classifier is made of: ``exp(H(y) - H(y|x))``, without splits.

    H(y) is the entropy of all samples' classes, large where they are spread over many; H(y|x) the mean entropy of one
    sample's, small where the classifier is sure. The score rises with their difference alone: one image for each class
    has the highest of all.

    Raises:
        ConfigError: If the logits are not a finite matrix.

    Example:
        >>> marginal, conditional = class_entropies(20 * torch.eye(4))  # sure of four classes
        >>> (marginal - conditional).exp()
        tensor(4.0000, dtype=torch.float64)
    """
    log_p = checked_features("logits", logits).cpu().double().log_softmax(1)
    marginal = _log_marginal(log_p)
    return ClassEntropies(-(marginal.exp() * marginal).sum(), -(log_p.exp() * log_p).sum(1).mean())


def vendi_score(features: Tensor, kernel: Kernel = COSINE) -> Tensor:
    r"""``exp(-sum_i l_i log l_i)``, l the eigenvalues of K / N, where k(x, x) = 1.

    From 1 (all of N samples (N, D) alike) to N (all orthogonal). Friedman and Dieng 2023, arXiv:2210.02410, definition
    3.1. It needs no real samples, and tells of diversity alone, not of quality. Any kernel is scaled to
    ``k(x, y) / sqrt(k(x, x) k(y, y))``; others than the default, the cosine, need the whole matrix: 8 N^2 bytes.

    Raises:
        ConfigError: If features are unfit, or one has k(x, x) = 0.

    Example:
        >>> vendi_score(torch.eye(3))
        tensor(3.0000, dtype=torch.float64)
    """
    features = checked_features("features", features).double()
    kernel = kernel.fit(features)
    if isinstance(kernel, LinearKernel):  # the same eigenvalues from D x D when that is smaller
        norm = _positive(features.square().sum(1)).sqrt()
        unit = features / norm[:, None]
        gram = unit.T @ unit if len(unit) > unit.shape[1] else unit @ unit.T
    else:
        gram = kernel(features, features)
        norm = _positive(gram.diagonal()).sqrt()
        gram = gram / norm[:, None] / norm
    values = torch.linalg.eigvalsh(gram / len(features)).clamp_min(0)
    entropy: Tensor = -torch.special.xlogy(values, values).sum()
    return entropy.exp().cpu()


def _positive(own: Tensor) -> Tensor:
    if not bool((own > 0).all()):
        raise ConfigError("features", tuple(own.shape), "some have k(x, x) = 0, so no similarity; use another kernel")
    return own
