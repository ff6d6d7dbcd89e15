"""Path lengths in closed form, against torchmetrics, and of models with and without styles."""

import pytest
import torch
from torch import nn
from torchmetrics.functional.image import perceptual_path_length as reference

from lightning_gans import GAN, ConfigError
from lightning_gans.batch import Condition
from lightning_gans.engine.priors import Uniform
from lightning_gans.engine.rng import fold_in
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import (
    CIFAR10Maps,
    FeatureBatch,
    FeatureExtractor,
    RandomFeatures,
    maps_distance,
)
from lightning_gans.evaluation.metrics import PerceptualPathLength
from lightning_gans.evaluation.metrics.functional import perceptual_path_length
from lightning_gans.evaluation.sources import GeneratedSource, ImageSource

Z, SHAPE = 5, (1, 8, 8)


class Pixels(FeatureExtractor):
    preprocessing = "none"

    def __init__(self):
        super().__init__("pixels")

    def extract(self, images):
        return FeatureBatch(images.flatten(1).float() / 127.5)


class Linear(nn.Module):
    latent_dim, image_shape = Z, SHAPE

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(Z, 64)

    def forward(self, z):
        return self.layer(z).unflatten(1, SHAPE)


def model(prior=None):
    torch.manual_seed(0)
    return GAN(Linear(), nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), prior=prior)


def length(gan, **settings):
    metric = PerceptualPathLength(Pixels(), **settings)
    metric.update(GeneratedSource(gan, 10))
    return metric.compute()


@pytest.mark.parametrize("ends", [False, True])
def test_on_lines_through_a_linear_generator_it_is_the_mean_square_of_the_difference(ends):
    gan = model(Uniform())
    expected = 2 / 3 * float(gan.generator.layer.weight.detach().square().sum()) / 64  # var(a - b) = 2 / 3 an entry
    (value,) = length(gan, num_paths=4000, ends=ends, epsilon=1e-2).values()
    assert value == pytest.approx(expected, rel=0.05)


def test_normal_latents_walk_the_great_circle():
    gan = model()
    with torch.no_grad():
        gan.generator.layer.weight.copy_(torch.eye(64)[:, :Z] * 8)
    along = gan.prior.interpolate
    walked = []
    gan.prior.interpolate = lambda a, b, t: walked.append((a, b, t)) or along(a, b, t)
    (value,) = length(gan, num_paths=200).values()
    angles = torch.stack([nn.functional.cosine_similarity(a, b, 0).arccos() for a, b, _ in walked])
    sizes = torch.stack([torch.lerp(a.norm(), b.norm(), t.mean()) for a, b, t in walked])
    assert value == pytest.approx(float((angles * sizes).square().mean()), rel=0.2)  # exactly where both are as long
    assert all(float(t[1] - t[0]) == pytest.approx(1e-4, abs=1e-6) for *_, t in walked)


def test_it_is_that_of_torchmetrics_where_both_keep_all_paths():
    gan, features = model(Uniform()), RandomFeatures()
    metric = PerceptualPathLength(features, num_paths=64, ends=True, epsilon=1e-3)
    metric.update(GeneratedSource(gan, 10))
    z, *_ = gan.generator_inputs(Condition(), 0, 128, fold_in(0, 3))

    class Ends(nn.Module):
        def __init__(self):
            super().__init__()
            self.left = [z[::2], z[1::2]]

        def sample(self, n):
            return self.left.pop(0)

        def forward(self, latents):
            return (gan(latents) + 1) * 127.5

    class Distance(nn.Module):
        def forward(self, one, other):
            return maps_distance(features.maps(one), features.maps(other))

    every = {"lower_discard": None, "upper_discard": None, "resize": None, "epsilon": 1e-3}
    theirs, *_ = reference(Ends(), 64, sim_net=Distance(), **every)
    ours = perceptual_path_length(torch.cat(metric.distances), 1e-3, discard=0)
    assert ours == pytest.approx(float(theirs), rel=1e-3)


def test_a_few_jumps_do_not_decide():
    lengths = torch.ones(1000)
    lengths[:9] = 1e6
    assert perceptual_path_length(lengths, epsilon=1) == 1
    lengths[9:20] = 1e6  # 2% are more than are left out
    assert perceptual_path_length(lengths, epsilon=1) > 1e3


class Styled(nn.Module):
    """W is Z doubled, and an image the mean of its styles, and of its class, everywhere."""

    latent_dim, image_shape, num_styles = Z, SHAPE, 3
    num_noise, noise_sides = 2, (1, 1)

    def __init__(self):
        super().__init__()
        self.register_buffer("mean_style", torch.zeros(Z))

    def mapping(self, z, labels=None):
        return 2 * z if labels is None else 2 * z + labels[:, None]

    def synthesis(self, ws, noise=None):
        assert ws.shape[1:] == (3, Z)
        assert noise is None
        return ws.mean(1)[:, :1, None, None].expand(-1, *SHAPE) + self.mean_style[0]

    def truncate(self, w, psi, cutoff=None):
        return self.mean_style.lerp(w, psi)[:, None].expand(-1, 3, -1)

    def forward(self, z, labels=None, noise=None):
        return self.synthesis(self.truncate(self.mapping(z, labels), 1.0))


@pytest.mark.parametrize("given", [(), ("label",)])
def test_between_styles_of_one_class_it_is_along_the_line(given):
    settings = {"given": given, "num_classes": 3} if given else {}
    gan = GAN(Styled(), nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), **settings)
    (value,) = length(gan, num_paths=4000, in_w=True, epsilon=1e-2).values()
    assert value == pytest.approx(4 * 2, rel=0.15)  # the variance of 2 (a - b), without the farthest 2%
    assert length(model(), in_w=True) == {}


def test_it_is_named_by_space_place_and_features():
    gan = model()
    assert list(length(gan, num_paths=2)) == ["ppl_z_pixels"]
    assert list(length(gan, num_paths=2, ends=True)) == ["ppl_z_end_pixels"]
    assert PerceptualPathLength(CIFAR10Maps(), in_w=True).higher_is_better_by_name == {"ppl_w_cifar10": False}
    evaluator = Evaluator(RandomFeatures(), cache=None, extra_metrics={"ppl": PerceptualPathLength(Pixels(), 5)})
    real = GeneratedSource(gan, 30, seed=1)
    assert evaluator.evaluate(GeneratedSource(gan, 20), real).values["ppl_z_pixels"] > 0
    assert "ppl_z_pixels" not in evaluator.evaluate(real_images(), real).values


def real_images():
    class Noise(ImageSource):
        def __len__(self):
            return 20

        def images(self, first, last):
            return torch.randint(0, 255, (last - first, *SHAPE), dtype=torch.uint8)

        def provenance(self):
            return {"count": 20}

    return Noise()


@pytest.mark.parametrize("settings", [{"num_paths": 0}, {"epsilon": 0}, {"epsilon": 1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        PerceptualPathLength(Pixels(), **settings)
    with pytest.raises(ConfigError, match="discard"):
        perceptual_path_length(torch.ones(3), 1, discard=0.5)
    with pytest.raises(ConfigError, match="one path or more"):
        perceptual_path_length(torch.ones(0), 1)
