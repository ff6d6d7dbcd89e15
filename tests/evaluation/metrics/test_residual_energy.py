"""Energy outside the real images' principal components: closed forms, and what it ranks as the eye does."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import Subset

from lightning_gans import ConfigError
from lightning_gans.data import Emoji
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import RandomFeatures
from lightning_gans.evaluation.metrics import ResidualEnergy
from lightning_gans.evaluation.metrics.functional import principal_components, residual_energy
from lightning_gans.evaluation.sources import DatasetSource


def gaussian(n, variances, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, len(variances), generator=generator, dtype=torch.float64) * torch.tensor(variances).sqrt()


@pytest.mark.parametrize("shape", [(20, 50), (50, 20)], ids=["fewer samples", "fewer dimensions"])
def test_components_are_those_of_the_singular_value_decomposition(shape):
    samples = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mean, directions = principal_components(samples, 5)
    expected = torch.linalg.svd(samples.double() - samples.double().mean(0)).Vh[:5]
    torch.testing.assert_close(directions @ directions.T, expected.T @ expected)  # signs are nobody's
    torch.testing.assert_close(mean, samples.double().mean(0))


def test_of_gaussians_it_is_the_variance_outside():
    components = principal_components(gaussian(20_000, [9.0, 4.0, 1.0, 0.5]), 2)
    assert residual_energy(gaussian(20_000, [2.0, 1.0, 3.0, 2.0], seed=1), components) == pytest.approx(5 / 8, abs=0.02)


def test_it_is_nothing_inside_and_all_outside_whatever_the_scale():
    components = principal_components(torch.eye(6)[:3].repeat(4, 1), 2)
    inside = components.mean + torch.randn(5, 2, generator=torch.Generator().manual_seed(0)).double() @ (
        components.directions.T
    )
    assert residual_energy(inside, components) == pytest.approx(0, abs=1e-12)
    assert residual_energy(components.mean + 7 * torch.eye(6)[5].double(), components) == pytest.approx(1)


def test_samples_that_span_too_little_give_orthonormal_directions():
    _, directions = principal_components(torch.tensor([1.0, 2.0, 3.0])[:, None].expand(-1, 9), 2)
    torch.testing.assert_close(directions.T @ directions, torch.eye(2).double())


def emoji():
    return Emoji(image_size=32).reference_dataset.images[:400]


def measured(real, fake, **settings):
    metric = ResidualEnergy(**settings)
    for part in real.split(64):
        metric.update(part, real=True)
    metric.update(fake, real=False)
    return {name.removeprefix("residual_energy"): float(value) for name, value in metric.compute().items()}


def test_other_real_images_are_at_one_speckle_above_and_blur_below():
    order = torch.randperm(400, generator=torch.Generator().manual_seed(1))
    real, other = emoji()[order].split(200)
    speckle = 40 * torch.randn(other.shape, generator=torch.Generator().manual_seed(0))
    speckled = (other + speckle).clamp(0, 255).to(torch.uint8)
    blurred = F.avg_pool2d(other.float(), 9, stride=1, padding=4, count_include_pad=False).to(torch.uint8)
    found = [measured(real, fake, num_components=16) for fake in (other, speckled, blurred)]
    assert found[0]["_ratio"] == pytest.approx(1, abs=0.1)
    assert found[1]["_ratio"] > 1.1
    assert found[2]["_ratio"] < 0.8
    assert found[0]["_ratio"] == found[0][""] / found[0]["_real"]


def test_of_few_images_there_are_fewer_components_and_of_many_some_are_taken():
    real = emoji()
    assert measured(real[:8], real[8:12]) == measured(real[:8], real[8:12], num_components=2)
    assert measured(real, real, num_components=2, num_images=40) == measured(
        real[torch.linspace(0, 399, 40).long()], real, num_components=2
    )


def test_an_evaluation_shows_it_beside_that_of_the_real_images():
    source = DatasetSource(Subset(Emoji(image_size=16).reference_dataset, range(0, 1900, 5)))
    evaluator = Evaluator(RandomFeatures(), cache=None, extra_metrics=Emoji().metrics(), subset_size=20)
    values = evaluator.evaluate(source, source).values
    assert 0.5 < values["residual_energy_ratio"] < 1  # half of its own images are those of the components
    assert evaluator.higher_is_better_by_name()["residual_energy_ratio"] is None


@pytest.mark.parametrize(
    ("settings", "line"), [({"num_components": 0}, "1 or more"), ({"num_images": 255}, "take 256 images")]
)
def test_settings_out_of_range_are_refused(settings, line):
    with pytest.raises(ConfigError, match=line):
        ResidualEnergy(**settings)


def test_too_few_images_are_refused():
    with pytest.raises(ConfigError, match="at least 4"):
        measured(emoji()[:3], emoji()[:3])
    metric = ResidualEnergy()
    metric.update(emoji()[:9], real=True)
    with pytest.raises(ConfigError, match="no images yet"):
        metric.compute()
    with pytest.raises(ConfigError, match="have 1 to 2"):
        principal_components(torch.eye(3), 3)
