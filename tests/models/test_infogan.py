import math

import pytest
import torch
from torch.distributions import Normal as NormalDistribution

from lightning_gans import ConfigError, InfoGAN, Uniform
from lightning_gans.batch import Batch, Sample
from lightning_gans.engine import InfoGANPrior, rows_from_index
from lightning_gans.figures.grids import interpolation
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.objectives import categorical_information, continuous_information
from tests.games import points, train

CODES = {"categorical": (3,), "num_continuous": 2}
SMALL = {"categorical_codes": (3,), "num_continuous_codes": 2}
Z = 9  # 4 of noise, 3 categories, 2 continuous codes


def game(shape=(2,), **kwargs):
    settings = {**SMALL, **kwargs}
    given = 2 if settings.get("q_std", 1.0) is None else 1
    outputs = 1 + sum(settings["categorical_codes"]) + given * settings["num_continuous_codes"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(Z, shape, (16,), tanh_output=len(shape) > 1)
        return InfoGAN(generator, MLPDiscriminator(shape, (16,), out_features=outputs), **settings)


def draw(prior, n=5000):
    return rows_from_index(prior, 0, 0, n, Z)


def test_codes_are_uniform_and_the_rest_is_noise():
    prior = InfoGANPrior(**CODES)
    noise, code, continuous = prior.split(draw(prior))
    assert (noise.shape[1], code.shape[1], continuous.shape[1]) == (4, 3, 2)
    assert torch.equal(code.sum(1), torch.ones(5000))
    assert torch.equal(code.max(1).values, torch.ones(5000))
    torch.testing.assert_close(code.mean(0), torch.full((3,), 1 / 3), atol=0.03, rtol=0)
    assert continuous.abs().max() <= 1
    torch.testing.assert_close(continuous.var(0), torch.full((2,), 1 / 3), atol=0.02, rtol=0)
    torch.testing.assert_close(noise.std(0), torch.ones(4), atol=0.05, rtol=0)
    correlations = torch.corrcoef(torch.cat([noise, code[:, :2], continuous], 1).T) - torch.eye(8)
    correlations[4, 5] = correlations[5, 4] = 0  # two of three categories exclude each other
    assert correlations.abs().max() < 0.06


def test_truncated_codes():
    truncated = InfoGANPrior(**CODES, noise=Uniform()).truncate(0.25)
    noise, code, continuous = truncated.split(draw(truncated))
    assert noise.abs().max() <= 0.25
    assert continuous.abs().max() <= 0.25
    assert set(code.unique().tolist()) == {0, 1}
    assert InfoGANPrior(**CODES).truncate(3.0).codes.high == 1  # a bound beyond the range bounds nothing


def test_a_path_between_codes_passes_through_codes():
    prior = InfoGANPrior(**CODES)
    start, end = draw(prior, 2)
    path = prior.interpolate(start, end, torch.linspace(0, 1, 5)[:, None])
    _, code, continuous = prior.split(path)
    assert torch.equal(code, start[4:7].expand(5, -1))
    torch.testing.assert_close(continuous[2], (start[7:] + end[7:]) / 2)
    torch.testing.assert_close(path[0], start)
    torch.testing.assert_close(path[-1, :4], end[:4])
    straight = Uniform().interpolate(torch.tensor([1.0, 1.0]), torch.tensor([1.0, -1.0]), torch.tensor([[0.5]]))
    assert torch.equal(straight, torch.tensor([[1.0, 0.0]]))  # the great circle would leave the square
    assert interpolation(game((1, 8, 8)), 5).shape == (5, 1, 8, 8)


def test_the_bounds_are_reached_by_the_posterior():
    """L_I = I(c; x) where Q is the posterior: log K for a code that is seen, 0 for one that is not."""
    code = torch.eye(5)
    assert float(categorical_information(code, 50 * code)) == pytest.approx(math.log(5))
    assert float(categorical_information(code, torch.zeros(5, 5))) == pytest.approx(0, abs=1e-6)
    # x = c with probability 1 - e, else another: I = log K + (1 - e) log(1 - e) + e log(e / (K - 1)).
    e = 0.2
    seen = (1 - e) * code + e / 4 * (1 - code)  # P(c | x)
    exact = math.log(5) + (1 - e) * math.log(1 - e) + e * math.log(e / 4)
    sent = code.repeat_interleave(20, 0)
    received = torch.cat([torch.cat([code[i].expand(16, -1), code[torch.arange(5) != i]]) for i in range(5)])
    logits = (received @ seen).log()
    assert float(categorical_information(sent, logits)) == pytest.approx(exact, abs=1e-6)


def test_the_bound_of_continuous_codes_is_a_normal_likelihood():
    c, mean, log_std = torch.rand(7, 2) * 2 - 1, torch.randn(7, 2), torch.randn(7, 2)
    likelihood = NormalDistribution(mean, log_std.exp()).log_prob(c).sum(1).mean()
    torch.testing.assert_close(continuous_information(c, mean, log_std), likelihood + 2 * math.log(2))


@pytest.mark.parametrize("q_std", [None, 0.5])
def test_losses_follow_the_equations(q_std):
    model, x = game(categorical_weight=0.7, continuous_weight=0.3, q_std=q_std), points(8)
    model._rng.seek(0, 0)
    z = model.latent(Batch(x))
    outputs, real = model.discriminator(model.generator(z)), torch.sigmoid(model.discriminator(x)[:, 0])
    fake, logits, mean, given = outputs.split([1, 3, 2, 2 if q_std is None else 0], dim=1)
    fake = torch.sigmoid(fake)
    categorical = (z[:, 4:7] * logits.log_softmax(1)).sum(1).mean() + math.log(3)
    spread = given.exp() if q_std is None else q_std
    likelihood = NormalDistribution(mean, spread).log_prob(z[:, 7:]).sum(1).mean()
    information = 0.7 * categorical + 0.3 * (likelihood + 2 * math.log(2))
    model._rng.seek(0, 0)
    scored = -real.log().mean() - (1 - fake).log().mean()
    torch.testing.assert_close(model.discriminator_loss(Batch(x)), scored - information, rtol=1e-5, atol=1e-5)
    model._rng.seek(0, 0)
    torch.testing.assert_close(model.generator_loss(Batch(x)), -fake.log().mean() - information, rtol=1e-5, atol=1e-5)
    assert torch.equal(model.critic.logits(Sample(x)), model.discriminator(x)[:, :1])


@pytest.mark.slow
def test_a_generator_learns_to_tell_its_codes():
    """The game without D's logit: G and Q alone drive the bound to what there is to tell, log K."""
    adam = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}}
    learning = {"generator": adam, "discriminator": adam}
    model = game(num_continuous_codes=0, optimization=learning, categorical_weight=20.0)
    metrics = train(model, 100, batch_size=64).callback_metrics
    assert math.log(3) - 0.1 < float(metrics["information/categorical"]) <= math.log(3)
    assert float(metrics["information/continuous"]) == 0


@pytest.mark.parametrize(
    ("categories", "continuous", "rows", "columns"), [((3,), 2, 3, 16), ((), 1, 8, 8), ((4, 3), 0, 4, 8)]
)
def test_traversal_changes_one_code_at_a_time(categories, continuous, rows, columns):
    model = game((1, 8, 8), categorical_codes=categories, num_continuous_codes=continuous)
    seen = []
    model.forward = lambda z: (seen.append(z), torch.zeros(len(z), 1, 8, 8))[1]
    assert model.visuals(None)["traversal"].shape == (rows, columns, 1, 8, 8)
    noise, *hot, codes = (part.unflatten(0, (rows, columns)) for part in model.prior.split(seen[0]))
    if categories:
        assert torch.equal(hot[0], torch.eye(rows)[:, None].expand(rows, columns, rows))
        assert torch.equal(noise, noise[:1].expand(rows, -1, -1))
    else:
        assert len(noise[:, 0].unique(dim=0)) == rows
    if continuous:
        assert torch.equal(noise, noise[:, :1].expand(-1, columns, -1))
        for j in range(continuous):
            own = codes[0, 8 * j : 8 * j + 8]
            torch.testing.assert_close(own[:, j], torch.linspace(-1, 1, 8))
            assert own.count_nonzero() == 8  # the other codes stay at 0
    else:
        assert len(noise[0].unique(dim=0)) == columns
    for further in hot[1:]:
        assert torch.equal(further, further[:1, :1].expand_as(further))


def test_networks_are_told_how_many_outputs():
    data = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 74}
    settings = {"categorical_codes": [10], "num_continuous_codes": 2, "q_std": 1.0}
    assert InfoGAN.network_kwargs("discriminator", data, settings)["out_features"] == 1 + 10 + 2
    assert InfoGAN.network_kwargs("discriminator", data, settings | {"q_std": None})["out_features"] == 1 + 10 + 4
    assert "out_features" not in InfoGAN.network_kwargs("generator", data, settings)


def test_impossible_codes_are_named():
    for bad, said in (
        ({"num_continuous_codes": -1}, "num_continuous_codes=-1"),
        ({"categorical_codes": (), "num_continuous_codes": 0}, "categorical_codes="),
        ({"categorical_codes": (10,)}, "the codes alone take 12"),
    ):
        with pytest.raises(ConfigError, match=said):
            InfoGAN(MLPGenerator(Z, (2,)), MLPDiscriminator((2,)), **{**SMALL, **bad})
    with pytest.raises(ConfigError, match=r"outputs \(1,\).*needs 1 \+ 5"):
        InfoGAN(MLPGenerator(Z, (2,)), MLPDiscriminator((2,)), **SMALL).critic.logits(Sample(points(4)))
