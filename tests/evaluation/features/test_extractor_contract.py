"""Every extractor is one fixed function of an image, whatever the program around it does."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import (
    DigitsFeatures,
    FeatureBatch,
    FeatureExtractor,
    IdentityFeatures,
    MNISTFeatures,
    ModuleFeatures,
)
from lightning_gans.evaluation.features.extractor import _exact_by_flag, _exact_by_operator
from tests.rooms import brought_in


class Backbone(nn.Module):
    """A user's network, with the two layers that behave otherwise in training."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Dropout(0.5))
        self.head = nn.Linear(16, 3)

    def forward(self, images):
        features = self.layers(images / 255)
        return features, self.head(features)


def module_features():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ModuleFeatures(Backbone(), name="backbone", image_shape=(1, 8, 8), num_classes=3)


MAKERS = {"digits": (DigitsFeatures, 8), "mnist": (MNISTFeatures, 28), "module": (module_features, 8)}


@pytest.fixture(params=MAKERS)
def extractor(request):
    return MAKERS[request.param][0]()


def images_for(extractor, count=37):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, *extractor.image_shape), generator=generator, dtype=torch.uint8)


def test_shapes_types_and_no_gradient(extractor):
    features, logits = extractor(images_for(extractor))
    assert features.shape[0] == 37
    assert features.dtype == logits.dtype == torch.float32
    assert logits.shape == (37, extractor.num_classes)
    assert not features.requires_grad
    assert not any(parameter.requires_grad for parameter in extractor.parameters())


def test_an_image_has_the_same_features_in_every_batch(extractor):
    images = images_for(extractor)
    whole = extractor(images)
    for size in (1, 4, 36):
        parts = [extractor(chunk) for chunk in images.split(size)]
        for index in range(2):
            joined = torch.cat([part[index] for part in parts])
            torch.testing.assert_close(joined, whole[index], rtol=1e-5, atol=1e-5)


def test_a_surrounding_model_cannot_change_mode_precision_or_gradients(extractor):
    images = images_for(extractor)
    before, fingerprint = extractor(images).features, extractor.fingerprint
    surrounding = nn.ModuleDict({"features": extractor, "other": nn.Linear(2, 2)})
    surrounding.train().half().bfloat16().double()
    assert surrounding["other"].weight.dtype == torch.float64
    assert not any(module.training for module in extractor.modules())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(extractor(images).features, before)
    assert extractor.fingerprint == fingerprint


def test_reduced_matmul_precision_does_not_reach_it(extractor):
    images = images_for(extractor)
    before = extractor(images).features
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(extractor(images).features, before)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("exact", [_exact_by_operator, _exact_by_flag])
def test_both_ways_to_full_precision_restore_the_settings(exact):
    def settings():
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    for matmul in ("highest", "high", "medium"):
        torch.set_float32_matmul_precision(matmul)
        before = settings()
        with exact():
            assert torch.backends.cuda.matmul.fp32_precision in ("none", "ieee")
            assert torch.backends.cudnn.conv.fp32_precision in ("none", "ieee")
        assert settings() == before
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("kind", ["digits", "mnist", "module"])
def test_global_random_state_is_untouched(kind):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    extractor = MAKERS[kind][0]()
    extractor(images_for(extractor))
    assert torch.equal(torch.get_rng_state(), before)


def test_copies_and_pickles_compute_the_same(extractor):
    images = images_for(extractor)
    fingerprint = extractor.fingerprint
    for twin in (copy.deepcopy(extractor), pickle.loads(pickle.dumps(extractor))):
        assert torch.equal(twin(images).features, extractor(images).features)
        assert twin.fingerprint == fingerprint
        assert not twin.train().training


def test_fingerprint_sees_one_changed_weight(extractor):
    before = extractor.fingerprint
    assert extractor.fingerprint == before
    weight = next(extractor.parameters())
    with torch.no_grad():
        weight.view(-1)[0] += 1e-3
    assert extractor.fingerprint != before
    with torch.no_grad():
        weight.view(-1)[0] -= 1e-3


def test_fingerprint_sees_a_changed_buffer(extractor):
    before = extractor.fingerprint
    next(extractor.buffers()).add_(1e-3)
    assert extractor.fingerprint != before


def test_fingerprint_sees_changed_preprocessing():
    class Inverted(DigitsFeatures):
        preprocessing = "255 - x, version 1"

    class Version2(DigitsFeatures):
        preprocessing = "255 - x, version 2"

    same_name = [kind().fingerprint for kind in (DigitsFeatures, Inverted, Version2)]
    assert len(set(same_name)) == 3


def test_fingerprint_of_a_module_sees_version_and_structure():
    def fingerprint(module, version=1):
        return ModuleFeatures(module, name="m", version=version).fingerprint

    pool = nn.AvgPool2d(2)
    assert fingerprint(pool) == fingerprint(nn.AvgPool2d(2))
    assert fingerprint(pool) != fingerprint(pool, version=2)
    assert fingerprint(pool) != fingerprint(nn.AvgPool2d(4))


class Scaled(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale), persistent=False)


def test_fingerprint_sees_what_a_state_dict_leaves_out():
    assert ModuleFeatures(Scaled(1.0), name="m").fingerprint != ModuleFeatures(Scaled(2.0), name="m").fingerprint


def test_fingerprint_of_a_module_ignores_addresses():
    class Named(nn.Module):
        def extra_repr(self):
            return repr(object())

    assert ModuleFeatures(Named(), name="m").fingerprint == ModuleFeatures(Named(), name="m").fingerprint


@pytest.mark.slow
def test_fingerprint_is_the_same_in_another_process():
    code = "from lightning_gans.evaluation.features import DigitsFeatures; print(DigitsFeatures().fingerprint)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == DigitsFeatures().fingerprint


def test_features_import_neither_data_sets_nor_frameworks():
    heavy = {"sklearn", "wandb", "torch_fidelity", "torchvision", "lightning", "torchmetrics"}
    assert not brought_in("evaluation.features", lambda room: room.DigitsFeatures(), heavy)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 1, 8, 8), r"float32 \(2, 1, 8, 8\).*take uint8 images.*to_uint8"),
        (torch.zeros(1, 8, 8, dtype=torch.uint8), r"uint8 \(1, 8, 8\).*a batch \(N, C, H, W\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), r"uint8 \(2, 3, 8, 8\).*shape \(N, 1, 8, 8\)"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), r"uint8 \(2, 1, 28, 28\).*shape \(N, 1, 8, 8\)"),
    ],
)
def test_wrong_images_are_named(images, message):
    with pytest.raises(ConfigError, match=message):
        DigitsFeatures()(images)


def test_metric_suffix_and_names():
    assert DigitsFeatures().metric_suffix == "_digits"
    assert IdentityFeatures("inception").metric_suffix == ""
    with pytest.raises(ConfigError, match="metric names"):
        IdentityFeatures("two words")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identity_returns_the_points(dtype):
    points = torch.randn(5, 2, dtype=dtype)
    features, logits = IdentityFeatures()(points)
    assert torch.equal(features, points)
    assert features.dtype == dtype
    assert logits is None
    assert IdentityFeatures()(points.bfloat16()).features.dtype == torch.float32


@pytest.mark.parametrize("points", [torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3, 4)])
def test_identity_refuses_what_is_not_points(points):
    with pytest.raises(ConfigError, match=r"float points \(N, d\)"):
        IdentityFeatures()(points)


def test_module_is_copied_and_left_alone():
    module = Backbone().train()
    extractor = ModuleFeatures(module, name="backbone", num_classes=3)
    images = images_for(DigitsFeatures())
    before = extractor(images).features
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    with torch.no_grad():
        module.layers[1].weight.zero_()
    assert torch.equal(extractor(images).features, before)


class Constant(nn.Module):
    def __init__(self, *outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, images):
        return self.outputs if len(self.outputs) > 1 else self.outputs[0]


@pytest.mark.parametrize(
    ("outputs", "num_classes", "message"),
    [
        ((torch.zeros(2, 3, 4),), None, r"features float32 \(2, 3, 4\) where float \(2, D\)"),
        ((torch.zeros(3, 4),), None, r"features float32 \(3, 4\) where float \(2, D\)"),
        ((torch.zeros(2, 4, dtype=torch.uint8),), None, "features uint8"),
        ((torch.zeros(2, 4), torch.zeros(2, 5)), 6, r"logits float32 \(2, 5\) where float \(2, 6\)"),
        ((torch.zeros(2, 4), torch.zeros(2, 5)), None, "num_classes=None"),
    ],
)
def test_wrong_output_of_a_module_is_named(outputs, num_classes, message):
    extractor = ModuleFeatures(Constant(*outputs), name="constant", num_classes=num_classes)
    with pytest.raises(ConfigError, match=message):
        extractor(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))


def test_images_of_any_memory_layout(extractor):
    images = images_for(extractor)
    transposed = images.transpose(2, 3).contiguous().transpose(2, 3)
    torch.testing.assert_close(extractor(transposed).features, extractor(images).features, rtol=1e-5, atol=1e-5)


def test_an_empty_batch_has_no_features(extractor):
    features, logits = extractor(images_for(extractor, count=0))
    assert len(features) == len(logits) == 0


def test_features_is_a_pair():
    features, logits = FeatureBatch(torch.zeros(1, 2))
    assert logits is None
    assert features.shape == (1, 2)
    assert issubclass(DigitsFeatures, FeatureExtractor)


@pytest.mark.gpu
def test_features_on_a_gpu_equal_those_on_the_cpu(extractor):
    images = images_for(extractor)
    on_cpu = extractor(images).features
    torch.testing.assert_close(extractor.cuda()(images).features.cpu(), on_cpu, rtol=1e-5, atol=1e-5)
