import pytest
import torch
from torch import nn

from lightning_gans import Autoencoder, ConfigError
from lightning_gans.batch import Batch, Condition
from lightning_gans.networks import MLPEncoder, MLPGenerator
from tests.games import points, train


def test_a_linear_one_finds_the_principal_components():
    """Baldi and Hornik 1989: nothing of so few numbers rebuilds the data better."""
    torch.manual_seed(0)
    data = torch.randn(512, 5) @ torch.diag(torch.tensor([2.0, 1.0, 0.6, 0.4, 0.2])) @ torch.randn(5, 5)
    data -= data.mean(0)
    variances = torch.linalg.svdvals(data).square() / data.numel()
    model = Autoencoder(nn.Linear(2, 5), nn.Linear(5, 2), latent_dim=2)
    search = torch.optim.LBFGS(model.parameters(), max_iter=300)

    def closure():
        search.zero_grad()
        loss = model.autoencoder_loss(Batch(data))
        loss.backward()
        return loss

    search.step(closure)
    error, best = float((model.reconstruct(data, ema=False) - data).square().mean()), float(variances[2:].sum())
    assert error == pytest.approx(best, rel=1e-3)
    assert best < 0.3 * float(variances.sum()), "two components are not all there is"


def test_it_rebuilds_what_is_given_beside_the_code():
    networks = MLPGenerator(1, (2,), (8,), num_classes=2), MLPEncoder((2,), (8,), 1, num_classes=2)
    model = Autoencoder(*networks, given=["label"], num_classes=2)
    x, labels = points(6), torch.tensor([0, 1, 0, 1, 0, 1])
    expected = (model.generator(model.encoder(x, labels), labels) - x).square().mean()
    torch.testing.assert_close(model.autoencoder_loss(Batch(x, Condition(label=labels))), expected)


def test_an_encoder_with_variances_is_refused():
    with pytest.raises(ConfigError, match="encoder='6 outputs': give it 3"):
        train(Autoencoder(MLPGenerator(3, (2,)), MLPEncoder((2,), out_features=6)), 1)
