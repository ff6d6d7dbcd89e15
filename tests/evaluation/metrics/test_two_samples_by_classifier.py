"""Two-sample tests by classifiers keep their level and gain power; what the Inception Score is made of."""

import math
from functools import partial
from itertools import combinations

import pytest
import torch

from lightning_gans.evaluation.metrics.functional import (
    class_entropies,
    classifier_two_sample_test,
    inception_score,
    one_nn_accuracy,
    one_nn_permutation_test,
)
from lightning_gans.evaluation.metrics.functional.two_sample import hypergeometric_tail

TRIALS = 100


def normal(seed, *sizes, dim=2):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(size, dim, generator=generator) for size in sizes]


def quick_classifier(real, fake, seed=0):
    return classifier_two_sample_test(real, fake, hidden_dim=16, num_steps=3, seed=seed)


def quick_neighbors(real, fake, seed=0):
    return one_nn_permutation_test(real, fake, permutations=99, seed=seed)


@pytest.mark.parametrize("test", [quick_classifier, quick_neighbors])
def test_p_values_are_as_good_as_uniform_where_the_distributions_agree(test):
    p_values = torch.stack([test(*normal(trial, 40, 30), seed=trial).p_value for trial in range(TRIALS)])
    for level in (0.05, 0.2, 0.5):  # 3 standard deviations of the binomial; few held-out samples reject more rarely
        allowed = 3 * math.sqrt(TRIALS * level * (1 - level))
        assert TRIALS * level - 2 * allowed < int((p_values <= level).sum()) < TRIALS * level + allowed


@pytest.mark.parametrize("test", [partial(classifier_two_sample_test, num_steps=50), quick_neighbors])
def test_more_samples_have_more_power(test):
    """Of N(0, 1) against N(0, 1.7^2), whose means are equal: no linear classifier tells them."""
    found = {n: [test(x, 1.7 * y).p_value <= 0.05 for x, y in (normal(t, n, n) for t in range(3))] for n in (20, 600)}
    assert sum(found[20]) < sum(found[600]) == 3


def test_the_p_value_of_a_classifier_is_that_of_all_ways_to_name_the_held_out_samples():
    ways = list(combinations(range(9), 4))  # which of nine are real; the first five are called so
    for hits in range(5):
        share = sum(sum(place < 5 for place in way) >= hits for way in ways) / len(ways)
        assert float(hypergeometric_tail(hits, real=4, fake=5, drawn=5)) == pytest.approx(share, rel=1e-12)


def test_of_many_samples_it_is_the_papers_normal_one():
    n, right = 4000, 2060  # held out, half of them real, and half called so
    paper = 0.5 * math.erfc(((right - 1) / n - 0.5) * 2 * math.sqrt(n) / math.sqrt(2))  # between 2058 right and 2060
    assert float(hypergeometric_tail(right // 2, n // 2, n // 2, n // 2)) == pytest.approx(paper, rel=0.01)


def test_accuracies_are_those_of_the_neighbors_and_copies_are_too_near():
    real, fake = normal(0, 200, 150)
    accuracy, p_value = one_nn_permutation_test(real, fake, 99)
    assert accuracy == one_nn_accuracy(real, fake).pooled
    assert float(p_value) > 0.05
    copied, too_near = one_nn_permutation_test(real, real + 1e-4 * torch.randn_like(real), 99)
    assert float(copied) < 0.05
    assert float(too_near) == 1


def test_a_seed_decides_and_the_unit_of_a_dimension_does_not():
    real, fake = normal(1, 60, 60)
    first = classifier_two_sample_test(real, fake + 0.5, num_steps=60)
    scaled = [side.double() * torch.tensor([1000.0, 1.0]) + 5 for side in (real, fake + 0.5)]
    with torch.inference_mode():
        assert classifier_two_sample_test(*scaled, num_steps=60) == first
    assert classifier_two_sample_test(real, fake + 0.5, num_steps=60, seed=1) != first


def test_a_dimension_that_never_changes_tells_nothing():
    real, fake = (torch.cat([side, torch.ones(len(side), 1)], 1) for side in normal(2, 40, 40))
    assert 0 < float(classifier_two_sample_test(real, fake + torch.tensor([4.0, 0, 0]), num_steps=20).p_value) < 1e-3


def test_the_score_is_the_exponential_of_a_difference_of_entropies():
    logits = 3 * torch.randn(500, 7, generator=torch.Generator().manual_seed(0)).double()
    marginal, conditional = class_entropies(logits)
    assert float((marginal - conditional).exp()) == pytest.approx(
        float(inception_score(logits, splits=1).mean), rel=1e-12
    )
    sure, blind = class_entropies(1e4 * torch.eye(5)), class_entropies(torch.zeros(3, 5))
    assert [float(value) for value in (*sure, *blind)] == pytest.approx([math.log(5), 0, math.log(5), math.log(5)])
    assert [float(value) for value in class_entropies(1e4 * torch.eye(5)[:1].expand(9, -1))] == pytest.approx([0, 0])
