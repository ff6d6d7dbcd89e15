import pytest
import torch

from lightning_gans.data import DigitEdges, DigitNegatives, Digits

REAL = Digits().reference_dataset.images


@pytest.mark.parametrize("data", [DigitNegatives, DigitEdges])
def test_no_digit_is_in_both_domains(data):
    found = data().reference_dataset
    assert len(found) == 1797
    assert torch.equal(found.labels, torch.arange(1797) % 2)
    assert torch.equal(found.images[::2], REAL[::2])
    assert torch.equal(found.images[1::2], data.translate(REAL[1::2]))
    assert data().fingerprint() != Digits().fingerprint()


def test_translations():
    dot = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    dot[..., 1, 1] = 200
    assert torch.equal(DigitNegatives.translate(dot), 255 - dot)
    outline = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.uint8) * 200
    assert torch.equal(DigitEdges.translate(dot)[0, 0], outline)
