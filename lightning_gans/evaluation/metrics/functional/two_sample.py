"""Whether two samples have one distribution, asked of a classifier: one that is trained, and the nearest neighbor.

The test by a kernel is ``mmd_permutation_test``.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.mmd import check_pairs, permuted_labels
from lightning_gans.evaluation.metrics.functional.neighbors import KNearest
from lightning_gans.evaluation.metrics.functional.statistics import FeaturesLike, as_generated, as_reference
from lightning_gans.evaluation.metrics.functional.tiles import Points, for_each_tile, work_dtype

_BATCH = 128  # of both kinds together


class AccuracyTest(NamedTuple):
    """An accuracy, 1/2 by chance, and the probability of one at least as large if both had one distribution."""

    accuracy: Tensor
    p_value: Tensor


def classifier_two_sample_test(
    real: FeaturesLike, fake: FeaturesLike, hidden_dim: int = 64, num_steps: int = 500, seed: int = 0
) -> AccuracyTest:
    r"""Test whether real (N, D) and fake (M, D) samples have one distribution, by a classifier trained to tell them.

    Lopez-Paz and Oquab 2017, arXiv:1610.06545, section 3: a network with one hidden layer is trained on one half of
    each sample, and its accuracy t on the other half, a mean over both kinds, is the statistic. The paper takes it for
    normal, N(1/2, 1 / (4 n)) of n held-out samples; this p-value is exact at any size: which held-out samples are real
    is exchangeable given how many are called so, hence the number of real ones among these hypergeometric (Fisher's
    exact test). It holds for every classifier, however bad, since it is learned from other samples: a better one, of
    more ``num_steps`` of 128 samples, finds smaller differences.

    A function of its arguments: the global generators are not used.

    Raises:
        ConfigError: If features are unfit, there is only one real or fake sample, or a size is not positive.

    Example:
        >>> x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
        >>> accuracy, p_value = classifier_two_sample_test(x, x + 9, num_steps=50)
        >>> float(accuracy), float(p_value) < 1e-9
        (1.0, True)
    """
    for name, size in (("hidden_dim", hidden_dim), ("num_steps", num_steps)):
        if size < 1:
            raise ConfigError(name, size, "must be 1 or more")
    real = as_reference(real)
    fake = as_generated(fake, real)
    check_pairs(real, fake)
    kinds = _standardized(real.features, fake.features)
    generator = torch.Generator().manual_seed(seed)
    halves = [rows[torch.randperm(len(rows), generator=generator)].tensor_split(2) for rows in kinds]
    classifier = _trained(halves[0][0], halves[1][0], hidden_dim, num_steps, generator)
    sizes = [len(held_out) for _, held_out in halves]
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        called_real = [int((classifier(held_out) > 0).sum()) for _, held_out in halves]
    accuracy = (called_real[0] / sizes[0] + 1 - called_real[1] / sizes[1]) / 2
    p_value = hypergeometric_tail(called_real[0], sizes[0], sizes[1], sum(called_real))
    return AccuracyTest(torch.tensor(accuracy, dtype=torch.float64), p_value)


def one_nn_permutation_test(
    real: FeaturesLike, fake: FeaturesLike, permutations: int = 500, seed: int = 0
) -> AccuracyTest:
    """Test the leave-one-out accuracy of the 1-nearest-neighbor classifier of real (N, D) and fake (M, D) samples.

    The share of all samples whose nearest other one is of their own kind (Schilling 1986, Henze 1988), against that
    under exchanged labels: p = (1 + #{permuted >= observed}) / (1 + permutations). Copies of real samples are too near
    to them, so their accuracy is below 1/2 and p near 1. Of ties, the nearest is one of them by chance; without ties
    the accuracy is that of ``one_nn_accuracy``, pooled. The global generators are not used.

    Raises:
        ConfigError: If features are unfit, or there is only one real or fake sample.

    Example:
        >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> accuracy, p_value = one_nn_permutation_test(x, x + 9, permutations=99)
        >>> float(accuracy), float(p_value)
        (1.0, 0.01)
    """
    real = as_reference(real)
    fake = as_generated(fake, real)
    labels = permuted_labels(real, fake, permutations, seed)
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(labels)))  # so that ties favor no kind
    pooled = torch.cat([real.features, fake.features])[order.to(real.features.device)]
    points = Points(pooled, real.standardization, work_dtype(pooled.device))
    nearest = KNearest(points, points, 1)
    for_each_tile(points, points, [nearest], real.tile_size)
    index = nearest.result()[1][:, 0].cpu()
    kinds = labels[order].bool()
    accuracies = (kinds == kinds[index]).double().mean(0)  # (P + 1,)
    return AccuracyTest(accuracies[0], (accuracies >= accuracies[0]).double().mean())


def _standardized(*samples: Tensor) -> list[Tensor]:
    """Samples in one unit for each dimension, float32: those of both together, which tell nothing of the kinds."""
    pooled = torch.cat(samples).double().cpu()
    std, center = torch.std_mean(pooled, 0, correction=0)
    scaled = ((pooled - center) / torch.where(std > 0, std, 1)).float()
    return list(scaled.split([len(each) for each in samples]))


def _trained(real: Tensor, fake: Tensor, hidden_dim: int, num_steps: int, generator: torch.Generator) -> nn.Module:
    """A network whose logit is above 0 where a point is rather real."""
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        torch.random.fork_rng(devices=[]),
    ):
        torch.default_generator.manual_seed(generator.initial_seed())  # that of a GPU is not restored
        network = nn.Sequential(nn.Linear(real.shape[1], hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 1))
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.01, fused=True)
        for _ in range(num_steps):
            drawn = (side[torch.randint(len(side), (_BATCH // 2,), generator=generator)] for side in (real, fake))
            of_real, of_fake = network(torch.cat([*drawn])).split(_BATCH // 2)
            optimizer.zero_grad()
            torch.autograd.backward(F.softplus(-of_real).mean() + F.softplus(of_fake).mean())
            optimizer.step()
    return network


def hypergeometric_tail(count: int, real: int, fake: int, drawn: int) -> Tensor:
    """Probability of ``count`` real ones or more among ``drawn`` of ``real`` + ``fake`` samples, a float64 scalar.

    Example:
        >>> hypergeometric_tail(2, real=2, fake=2, drawn=2)  # one of six pairs
        tensor(0.1667, dtype=torch.float64)
    """
    counts = torch.arange(count, min(real, drawn) + 1, dtype=torch.float64)
    chosen = _log_binomial(real, counts) + _log_binomial(fake, drawn - counts)
    total = _log_binomial(real + fake, torch.tensor(drawn, dtype=torch.float64))
    return torch.logsumexp(chosen - total, 0).exp().clamp(max=1)


def _log_binomial(n: int, k: Tensor) -> Tensor:
    whole = torch.tensor(n + 1, dtype=torch.float64)
    return torch.lgamma(whole) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)  # -inf where k is out of range
