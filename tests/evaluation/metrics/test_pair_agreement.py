import pytest
import torch

from lightning_gans.batch import Condition
from lightning_gans.data import DigitEdges, DigitNegatives, Digits
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.evaluation.sources import DatasetSource, GeneratedSource
from lightning_gans.images import from_uint8

REAL = Digits().reference_dataset.images
N = 300


class Pairs:
    """Sample i of the first domain is digit i; of the second, the negative of digit i plus some."""

    given, num_classes = ("label",), 2

    def __init__(self, off=0):
        self.off = off

    def sample_condition(self, first, last, seed):
        return Condition(label=torch.arange(first, last) % 2)

    def sample(self, n, *, labels=None, seed=0, truncation=None, ema=True, start=0):
        labels = self.sample_condition(start, start + n, seed).label if labels is None else labels
        second = DigitNegatives.translate(REAL[start + self.off : start + self.off + n])
        return from_uint8(torch.where(labels[:, None, None, None] == 0, REAL[start : start + n], second))


def agreement(model, data=DigitNegatives):
    metric = data().metrics()["pairs"]
    metric.update(GeneratedSource(model, N))
    return {name: float(value) for name, value in metric.compute().items()}


def test_true_pairs_agree():
    assert agreement(Pairs()) == {"pair_pixels": 1, "pair_classes": 1}


def test_pairs_of_other_digits_agree_by_chance():
    features = DigitsFeatures()
    classes = [features(REAL[first : first + N]).logits.argmax(1) for first in (0, 1)]
    pixels = ((REAL[:N] > 127) == (REAL[1 : N + 1] > 127)).double().mean()
    found = agreement(Pairs(off=1))
    assert found["pair_classes"] == pytest.approx(float((classes[0] == classes[1]).double().mean()))
    assert found["pair_classes"] < 0.3
    assert found["pair_pixels"] == pytest.approx(float(pixels), abs=0.005)  # levels of exactly one half turn over


def test_outlines_have_no_way_back():
    found = agreement(Pairs(), DigitEdges)
    edges, negatives = DigitEdges.translate(REAL[:N]) > 127, DigitNegatives.translate(REAL[:N]) > 127
    assert found == {"pair_pixels": pytest.approx(float((edges == negatives).double().mean()))}


def test_the_evaluator_hands_over_what_makes_the_samples():
    data = DigitNegatives()
    evaluator = Evaluator(data.features(), cache=None, extra_metrics=data.metrics())
    for off, expected in ((0, 1.0), (1, None), (0, 1.0)):  # each evaluation starts anew
        report = evaluator.evaluate(GeneratedSource(Pairs(off), N), DatasetSource(data.reference_dataset))
        assert (report.values["pair_classes"] == expected) == (expected is not None)
    plain = evaluator.evaluate(DatasetSource(data.reference_dataset), DatasetSource(data.reference_dataset))
    assert "pair_classes" not in plain.values, "images that nothing can make again in another domain"
