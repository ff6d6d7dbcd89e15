import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from lightning_gans import ConfigError
from lightning_gans.networks import DCGANDiscriminator, SpectralNorm, spectrally_normalized


def converged(layer, input_):
    wrapped = SpectralNorm(layer)
    for _ in range(200):
        wrapped(input_)
    return wrapped.eval()


@pytest.mark.parametrize(
    "layer", [nn.Linear(5, 7), nn.Conv2d(3, 6, 3), nn.Embedding(4, 9)], ids=lambda m: type(m).__name__
)
def test_the_normalized_weight_has_largest_singular_value_one(layer):
    inputs = {nn.Linear: torch.randn(2, 5), nn.Conv2d: torch.randn(1, 3, 4, 4), nn.Embedding: torch.tensor([0, 3])}
    x = inputs[type(layer)]
    wrapped = converged(layer, x)
    sigma = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
    scaled = type(layer).__call__(layer, x)
    bias = getattr(layer, "bias", None)
    offset = 0 if bias is None else (bias if bias.ndim == scaled.ndim - 1 or scaled.ndim == 2 else bias[:, None, None])
    torch.testing.assert_close(wrapped(x), (scaled - offset) / sigma + offset, rtol=1e-4, atol=1e-5)


def test_equal_to_torch_s_own_with_the_same_vector():
    """Outputs and gradients, over several steps of training mode."""
    torch.manual_seed(0)
    ours_layer, theirs = nn.Linear(6, 4), nn.Linear(6, 4)
    theirs.load_state_dict(ours_layer.state_dict())
    ours, theirs = SpectralNorm(ours_layer), parametrizations.spectral_norm(theirs)
    with torch.no_grad():
        power = theirs.parametrizations.weight[0]
        power._u.copy_(ours.u)
        power._v.copy_(torch.nn.functional.normalize(ours_layer.weight.T @ ours.u, dim=0))
    for _ in range(3):
        x = torch.randn(5, 6)
        first, second = ours(x), theirs(x)
        torch.testing.assert_close(first, second)
        (mine,) = torch.autograd.grad(first.square().sum(), ours.layer.weight)
        (other,) = torch.autograd.grad(second.square().sum(), theirs.parametrizations.weight.original)
        torch.testing.assert_close(mine, other)


def test_two_passes_before_one_backward():
    """D scores real and fake samples before it learns; both passes advance the power iteration."""
    wrapped = SpectralNorm(nn.Linear(3, 2))
    loss = wrapped(torch.randn(4, 3)).mean() - wrapped(torch.randn(4, 3)).mean()
    loss.backward()
    assert torch.isfinite(wrapped.layer.weight.grad).all()


def test_eval_mode_changes_nothing_and_copies_travel():
    wrapped = spectrally_normalized(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)))
    wrapped.eval()
    before = {name: value.clone() for name, value in wrapped.state_dict().items()}
    x = torch.randn(4, 3)
    out = wrapped(x)
    assert all(torch.equal(value, before[name]) for name, value in wrapped.state_dict().items())
    copy = pickle.loads(pickle.dumps(wrapped))
    torch.testing.assert_close(copy(x), out, rtol=0, atol=0)


def test_batch_norm_would_undo_it():
    with pytest.raises(ConfigError, match="batch_norm: false"):
        DCGANDiscriminator((1, 8, 8), 4, spectral_norm=True)
    critic = DCGANDiscriminator((1, 8, 8), 4, batch_norm=False, spectral_norm=True)
    assert sum(isinstance(m, SpectralNorm) for m in critic.modules()) == 4
