"""Maps for losses: differentiable, without strides, and no part of what a model saves."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torchvision.models import vgg19

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import (
    CIFAR10Features,
    CIFAR10Maps,
    Classifier,
    ClassifierMaps,
    DigitsFeatures,
    EmojiFeatures,
    IdentityFeatures,
    RandomFeatures,
    VGG19Maps,
    maps_by,
    maps_distance,
    save_classifier,
)
from lightning_gans.images import from_uint8, to_uint8


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def emoji(tmp_path_factory):
    """The classifier of emoji as a file of one's own: one convolution at stride 1, then four at stride 2."""
    path, features = tmp_path_factory.mktemp("maps") / "emoji.safetensors", EmojiFeatures()
    save_classifier(features.classifier, path, features.facts)
    return path, features.classifier.convolutions


def strided(convolutions, images):
    """What the classifier's own layers see."""
    found, hidden = [], images
    for convolution, norm, nonlinearity in convolutions:
        found.append(norm(convolution(hidden)))
        hidden = nonlinearity(found[-1])
    return found


def gradient_by_phase(maps, images):
    """Mean squared gradient of a loss at even and odd rows and columns of the images: (4,)."""
    images = images.requires_grad_()
    others = maps(noise(*images.shape, seed=1))
    loss = sum(mse_loss(one, other) for one, other in zip(maps(images), others, strict=True))
    (gradient,) = torch.autograd.grad(loss, images)
    return torch.stack([gradient[..., i::2, j::2].square().mean() for i in (0, 1) for j in (0, 1)])


def test_dense_maps_agree_with_the_classifier_where_it_looks(emoji):
    path, convolutions = emoji
    images = noise(2, 3, 64, 48)
    dense = ClassifierMaps(path, (1, 2, 3, 4))(images)
    for number, (here, there) in enumerate(zip(dense, strided(convolutions, images), strict=False)):
        assert here.shape[2:] == images.shape[2:]
        torch.testing.assert_close(here[..., :: 2**number, :: 2**number], there, atol=1e-5, rtol=1e-5)


def test_gradients_have_no_checkerboard(emoji):
    path, convolutions = emoji
    shares = {
        "strided": gradient_by_phase(lambda images: strided(convolutions, images)[1:3], noise(8, 3, 64, 64)),
        "dense": gradient_by_phase(ClassifierMaps(path, (2, 3)), noise(8, 3, 64, 64)),
        "pooled": gradient_by_phase(CIFAR10Maps(), noise(8, 3, 64, 64)),
    }
    unevenness = {name: float(found.max() / found.min()) for name, found in shares.items()}
    assert unevenness["strided"] > 1.5
    assert max(unevenness["dense"], unevenness["pooled"]) < 1.1


def test_maps_of_the_shipped_classifier():
    maps = CIFAR10Maps()
    found = maps(noise(2, 3, 24, 40))
    assert [tuple(part.shape) for part in found] == [(2, 32, 24, 40), (2, 64, 12, 20)]
    gray = noise(2, 1, 16, 16)
    for one, other in zip(maps(gray), maps(gray.expand(-1, 3, -1, -1)), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(CIFAR10Maps([4])(gray)[0], maps(gray)[1])
    assert maps.provenance() == CIFAR10Maps().provenance() != CIFAR10Maps([4]).provenance()
    assert maps.provenance()["name"] == "CIFAR10Maps"


def test_a_model_knows_no_weights_of_its_loss_and_takes_it_along():
    model = nn.ModuleDict({"content": CIFAR10Maps(), "generator": nn.Linear(1, 1)})
    plain = {"generator.weight", "generator.bias"}
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()} == plain
    model.load_state_dict(model.state_dict(), strict=True)
    images = noise(2, 3, 16, 16)
    before = model["content"](images)
    assert not any(part.training for part in model.train()["content"].network.modules())
    assert all(torch.equal(one, other) for one, other in zip(model["content"](images), before, strict=True))
    twin = copy.deepcopy(model).double()
    assert twin["content"](images.double())[0].dtype == torch.float64
    assert model["content"](images)[0].dtype == torch.float32, "the copy has a network of its own"
    assert model.to("meta")["content"](images.to("meta"))[0].is_meta


def test_vgg19_is_cut_before_the_nonlinearity(tmp_path):
    """Weights are drawn; of the whole network only those of the convolutions are in the file."""
    torch.manual_seed(0)
    with torch.device("meta"):
        network = vgg19()
    stack = network.features.to_empty(device="cpu").eval()
    for layer in stack:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight), nn.init.zeros_(layer.bias)
    torch.save({f"features.{name}": value for name, value in stack.state_dict().items()}, tmp_path / "vgg19.pth")
    images = noise(1, 3, 32, 32).requires_grad_()
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    for name, place in (("conv1_2", 2), ("conv2_2", 7), ("conv5_4", 34)):
        maps = VGG19Maps(tmp_path / "vgg19.pth", name)
        (found,) = maps(images)
        torch.testing.assert_close(found, stack[: place + 1](((images + 1) / 2 - mean) / std))
        assert isinstance(stack[place + 1], nn.ReLU)
        assert bool((found < 0).any())
        assert maps.provenance()["layers"] == [name]
    (tmp_path / "vgg19.pth").unlink()  # 80 MB
    found.square().mean().backward()
    assert float(images.grad.abs().min()) > 0


def test_what_cannot_work_is_refused_in_one_line(tmp_path):
    gray = tmp_path / "gray.safetensors"
    save_classifier(Classifier((1, 8, 8), 2, width=2).eval(), gray, {})
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    for build, message in (
        (lambda: VGG19Maps(tmp_path / "none.pth"), r"no such file; fetch https://download\.pytorch\.org/models/vgg19-"),
        (lambda: VGG19Maps(tmp_path / "other.pth"), "not torchvision's vgg19"),
        (lambda: VGG19Maps(gray), "not torchvision's vgg19"),
        (lambda: VGG19Maps(gray, "conv5_5"), "layer='conv5_5': choose one of conv1_1, "),
        (lambda: ClassifierMaps(tmp_path / "none.safetensors"), "no such file"),
        (lambda: ClassifierMaps(gray, [3]), r"layers=\[3\]: choose from 1 to 2"),
        (lambda: CIFAR10Maps([]), "choose from 1 to 6"),
        (lambda: ClassifierMaps(gray)(noise(1, 3, 8, 8)), r"images='float32 \(1, 3, 8, 8\)'.*takes images \(N, 1, H"),
        (lambda: CIFAR10Maps()(noise(1, 2, 8, 8)), r"takes images \(N, 1 or 3, H, W\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            build()


@pytest.mark.parametrize(
    ("extractor", "channels"), [(RandomFeatures(), 3), (CIFAR10Features(), 3), (DigitsFeatures(), 1)]
)
def test_extractors_compare_images_that_are_not_rounded(extractor, channels):
    images = noise(2, channels, 8, 8)
    whole = extractor(to_uint8(images)).features
    rounded = extractor.maps(from_uint8(to_uint8(images)))
    if isinstance(extractor, RandomFeatures):
        assert [each.shape for each in rounded] == [(2, 16, 8, 8), (2, 16, 4, 4), (2, 16, 2, 2)]
    else:
        torch.testing.assert_close(rounded[0], whole)
    moved = (images + 1e-4).requires_grad_()
    distance = maps_distance(maps_by(extractor)(moved), maps_by(extractor)(images))
    assert distance.shape == (2,)
    assert bool((distance > 0).all())
    assert float(torch.autograd.grad(distance.sum(), moved)[0].abs().sum()) > 0
    with pytest.raises(ConfigError, match="images"):
        extractor.maps(noise(2, channels, 3, 3))


def test_points_are_compared_as_they_are():
    points = noise(5, 2)
    (found,) = IdentityFeatures().maps(points)
    assert torch.equal(found, points)
    torch.testing.assert_close(maps_distance([points], [points + 2]), torch.full((5,), 4.0))
