"""The latents of an image: schedules, white noise, and the way back to an image that the generator made."""

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

from lightning_gans import GAN, ConfigError, StyleGAN2
from lightning_gans.cli import main, projecting
from lightning_gans.cli.commands import ProjectionOptions
from lightning_gans.evaluation.features import RandomFeatures
from lightning_gans.evaluation.projection import Projector, noise_correlation, noise_maps
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, StyleDiscriminator, StyleGenerator

SHAPE = (3, 8, 8)


def model(num_classes=0):
    torch.manual_seed(0)
    size = {"num_classes": num_classes}
    settings = {"given": ["label"], "num_classes": num_classes} if num_classes else {}
    generator = StyleGenerator(SHAPE, 8, style_dim=8, max_channels=8, **size)
    return StyleGAN2(generator, StyleDiscriminator(SHAPE, max_channels=4, **size), **settings)


def made(gan, *given):
    """What it makes of styles that are no mean."""
    with torch.no_grad():
        w = gan.generator.mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(3)), *given)
        return gan.generator.synthesis(gan.generator.truncate(w))[0]


@pytest.mark.parametrize("per_layer", [False, True])
def test_an_image_of_the_generator_is_found_again(per_layer):
    gan = model()
    before = [part.clone() for part in gan.generator.state_dict().values()]
    target, done = made(gan), []
    projector = Projector(RandomFeatures(), per_layer, steps=60, report=lambda step, total: done.append((step, total)))
    found = projector(gan, target)
    assert found.distance < found.first_distance / 5
    assert F.mse_loss(found.image, target) < F.mse_loss(found.progress[0], target) / 5
    assert done == [(step, 60) for step in range(1, 61)]
    assert torch.equal(found.progress[-1], found.image)
    assert found.progress.shape == (8, *SHAPE)
    torch.testing.assert_close(gan.generator.synthesis(found.styles[None], found.noise[None])[0], found.image)
    assert bool((found.styles == found.styles[:1]).all()) is not per_layer
    for part in noise_maps(found.noise[None], gan.generator.noise_sides):
        assert float(part.mean()) == pytest.approx(0, abs=1e-5)
        assert float(part.square().mean()) == pytest.approx(1, rel=1e-4)
    assert all(map(torch.equal, before, gan.generator.state_dict().values()))
    assert all(weight.grad is None for weight in gan.parameters())


def test_a_class_begins_at_its_own_mean_and_a_seed_repeats_all():
    gan = model(num_classes=2)
    target = made(gan, torch.tensor([1]))
    first, again, other = (
        Projector(RandomFeatures(), steps=2, seed=seed)(gan, target, label=label)
        for seed, label in ((0, 1), (0, 1), (1, 0))
    )
    assert torch.equal(first.noise, again.noise)
    assert torch.equal(first.image, again.image)
    assert first.first_distance != other.first_distance
    for label in (None, 2):
        with pytest.raises(ConfigError, match="name a class: 0 to 1"):
            Projector(RandomFeatures(), steps=2)(gan, target, label=label)
    with pytest.raises(ConfigError, match="knows no classes"):
        Projector(RandomFeatures(), steps=2)(model(), target, label=1)


def test_large_images_are_compared_at_256_pixels():
    seen = []

    class Watched(RandomFeatures):
        def extract_maps(self, images):
            seen.append(images.shape[2:])
            return [images]

    assert len(Projector(Watched())._maps(torch.zeros(1, 3, 512, 512))) == 2
    Projector(Watched())._maps(torch.zeros(1, 3, 64, 64))
    assert seen == [(256, 256), (64, 64)]


def test_white_noise_is_uncorrelated_and_pictures_are_not():
    white = torch.randn(1, 64 * 64, generator=torch.Generator().manual_seed(0))
    assert noise_correlation(iter([white])) < 0.2
    smooth = F.avg_pool2d(white.view(1, 1, 64, 64), 3, 1, 1)
    smooth = smooth / smooth.square().mean().sqrt()
    assert noise_correlation(iter([smooth.flatten(1)])) > 0.5
    ones = torch.ones(1, 16 * 16)  # 1 + 1 at 16 x 16, and of twice the ones at 8 x 8
    assert noise_correlation(iter([ones])) == 2 + 2 * 4**2
    stripes = torch.tensor([1.0, -1.0]).repeat(1, 8 * 16)  # in columns: gone in the half
    assert noise_correlation(iter([stripes])) == 2


def test_what_cannot_be_projected_is_refused():
    plain = GAN(DCGANGenerator(8, SHAPE, 4), DCGANDiscriminator(SHAPE, 4))
    for gan, target, line in (
        (plain, torch.zeros(SHAPE), "has no styles"),
        (model(), torch.zeros(3, 16, 16), "makes images"),
    ):
        with pytest.raises(ConfigError, match=line):
            Projector(RandomFeatures(), steps=1)(gan, target)
    with pytest.raises(ConfigError, match="steps"):
        Projector(RandomFeatures(), steps=0)
    with pytest.raises(ConfigError, match="num_pictures"):
        Projector(RandomFeatures(), num_pictures=1)
    for settings, line in (
        ({"space": "z"}, "choose w or w"),
        ({"steps": 0}, "1 or more"),
        ({"features": "vgg19"}, "needs a file"),
        ({"weights": "vgg19.pth"}, "needs a file"),
    ):
        with pytest.raises(ConfigError, match=line):
            ProjectionOptions("last.ckpt", "face.png", **settings)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """The command on a model that need not be written and read."""
    monkeypatch.chdir(tmp_path)

    def run(*args, gan=None):
        monkeypatch.setattr(projecting, "load_model", lambda checkpoint, device: gan or model())
        code = 0
        try:
            main(["project", "last.ckpt", *args])
        except SystemExit as leaving:
            code = leaving.code
        return code, *capsys.readouterr()

    return run


def test_the_command_writes_pictures_and_latents(command):
    Image.new("RGB", (20, 40), "orange").save("wide.png")
    code, out, err = command("wide.png", "--steps", "3", "--space", "w+", "--output", "found", "--features", "random")
    assert (code, err) == (0, "")
    assert "wide.png is 20 x 40: its middle, resized to 8 x 8" in out
    assert "at the mean of W" in out
    assert "after 3 steps" in out
    latents = load_file("found/latents.safetensors")
    assert {name: part.shape for name, part in latents.items()} == {"styles": (4, 8), "noise": (16 + 2 * 64,)}
    for name, size in (("projection", (8, 8)), ("beside", (70, 36)), ("progress", (206, 36))):
        with Image.open(f"found/{name}.png") as picture:
            assert picture.size == size


def test_the_commands_mistakes_are_one_line(command):
    Image.new("L", (16, 16)).save("gray.png")
    plain = GAN(DCGANGenerator(8, SHAPE, 4), DCGANDiscriminator(SHAPE, 4))
    for args, gan, line in (
        (["gray.png"], plain, "GAN has no styles to search"),
        (["nothing.png"], None, "no such file"),
        (["gray.png", "--features", "inception"], None, "choose one of cifar10, random, vgg19"),
        (["gray.png", "--label", "1"], None, "it knows no classes"),
        (["gray.png"], model(num_classes=2), "name a class of this model: 0 to 1"),
        (["gray.png", "--output", "gray.png"], None, "cannot be written"),
    ):
        code, _, err = command(*args, gan=gan)
        assert code == 2
        assert line in err
        assert len(err.strip().splitlines()) == 1
