"""``lightning_gans translate`` of what enlarges or completes: what files keep, tiles, masks."""

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torch import nn
from torch.nn import functional as F

from lightning_gans.cli import translating
from lightning_gans.engine import Translator
from lightning_gans.engine.inpainter import Inpainter
from lightning_gans.evaluation.features.classifier import Classifier, save_classifier
from lightning_gans.networks import SRResNet
from tests.cli.test_translating import pixels, save

HOLE = [128, 191, 255]  # what Fill makes


class Nearest(nn.Module):
    scale, overlap = 2, 0

    def forward(self, source):
        return F.interpolate(source, scale_factor=2)


class Fill(nn.Module):
    """One color, and another for what it is shown of the holes."""

    def forward(self, source, mask):
        assert bool((source[(mask > 0).expand_as(source)] == 0).all()), "what is missing is hidden"
        return torch.tensor([0.0, 0.5, 1.0])[:, None, None].expand_as(source)


@pytest.fixture
def enlarge(monkeypatch):
    monkeypatch.setattr(translating, "load_model", lambda *_: Translator(Nearest(), source_shape=(3, 8, 8)))


@pytest.fixture
def complete(monkeypatch):
    monkeypatch.setattr(translating, "load_model", lambda *_: Inpainter(Fill(), source_shape=(3, 8, 8)))


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def twice(image):
    return np.array(image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST))


@cache
def profile(space=b"RGB "):
    """With the time at which it was made."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:16] + space + made[20:]


def test_what_is_enlarged_keeps_gray_opacity_and_profile(command, tmp_path, enlarge):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    gray = save(tmp_path / "in/gray.png", (12, 9), mode="L")
    clear = save(tmp_path / "in/clear.png", (12, 9), mode="RGBA", icc_profile=profile())
    faint = save(tmp_path / "in/faint.png", (12, 9), mode="LA")
    save(tmp_path / "in/turned.png", (12, 9), exif=exif, icc_profile=profile())
    save(tmp_path / "in/print.png", (12, 9), icc_profile=profile(b"CMYK"))
    done = command("translate", "any", "in", "--output", "out")
    assert (done.code, done.err, done.out) == (0, "", "5 of 5 images in out, and out/grid.png\n")
    made = {path.stem: opened(path) for path in (tmp_path / "out").iterdir()}
    assert {name: made[name].mode for name in ("gray", "clear", "faint", "turned")} == {
        "gray": "L",
        "clear": "RGBA",
        "faint": "LA",
        "turned": "RGB",
    }
    assert np.array_equal(np.array(made["gray"]), twice(opened(gray)))
    colors = opened(clear).convert("RGB")  # also under what is transparent
    assert np.array_equal(np.array(made["clear"].convert("RGB")), twice(colors))
    for name, file in (("clear", clear), ("faint", faint)):
        opacity = opened(file).getchannel("A").resize((24, 18), Image.Resampling.BICUBIC)
        assert np.array_equal(np.array(made[name].getchannel("A")), np.array(opacity))
    assert made["turned"].size == (18, 24)
    profiles = {name: made[name].info.get("icc_profile") for name in ("clear", "turned", "print", "gray")}
    assert profiles == {"clear": profile(), "turned": profile(), "print": None, "gray": None}


def test_tiles_are_the_whole_if_they_overlap(command, tmp_path, monkeypatch):
    network = SRResNet((3, 8, 8), (3, 16, 16), base_channels=4, num_blocks=1, norm=None)
    monkeypatch.setattr(translating, "load_model", lambda *_: Translator(network, source_shape=(3, 8, 8)))
    save(tmp_path / "in.png", (40, 60))
    made = {}
    for name, flags in {
        "whole": ("--tile", 0),
        "tiles": ("--tile", 16),
        "bare": ("--tile", 16, "--overlap", 0),
    }.items():
        assert command("translate", "any", "in.png", "--output", name, *flags).code == 0
        made[name] = pixels(tmp_path / name / "in.png").int()
    assert made["whole"].shape == (3, 120, 80)
    assert (made["tiles"] - made["whole"]).abs().max() <= 1
    assert (made["bare"] - made["whole"]).abs().max() > 1


def test_what_a_loss_compared_contents_in_may_be_elsewhere(command, tmp_path):
    """Of a run, ``translate`` needs what it learned alone."""
    save_classifier(Classifier((3, 8, 8), 2, width=2, num_features=2), "maps.safetensors", {})
    for number in range(2):
        save(tmp_path / f"in/{number}.png", (16, 16))
    model = "--model.generator.base_channels 2 --model.generator.num_blocks 1 --model.discriminator.base_channels 1"
    features = "--model.features ClassifierMaps --model.features.weights maps.safetensors"
    data = "--data DegradedImages --data.root in --data.image_size 16 --data.batch_size 1 --trainer.max_steps 1"
    quiet = "--metrics.every_n_steps 0 --samples.every_n_steps 0 --trainer.logger false"
    fit = command("fit", "--config", "srgan", *f"{model} {features} {data} {quiet}".split())
    assert fit.code == 0, fit.err
    (tmp_path / "maps.safetensors").unlink()
    (checkpoint,) = tmp_path.glob("runs/srgan/*/checkpoints/last.ckpt")
    done = command("translate", checkpoint, "in")
    assert (done.code, done.out.partition(" images")[0]) == (0, "2 of 2"), done.err


class Kept(Translator):
    share = 1.0

    def interpolate(self, alpha):
        self.share = alpha

    def translate(self, images, **settings):
        return torch.full_like(images, self.share * 2 - 1)


def test_interpolation_is_the_models(command, tmp_path, monkeypatch):
    monkeypatch.setattr(translating, "load_model", lambda *_: Kept(nn.Identity(), source_shape=(3, 8, 8)))
    save(tmp_path / "in.png", (8, 8))
    assert command("translate", "any", "in.png", "--interpolation", 0.2).code == 0
    assert (pixels(tmp_path / "translations/in.png") == 51).all()


def masked(made, original):
    """Where the hole was filled; elsewhere all is as it was, to the bit."""
    hole = (made == torch.tensor(HOLE)[:, None, None]).all(0)
    assert torch.equal(made[:, ~hole], original[:, ~hole])
    return hole


def test_the_middle(command, tmp_path, complete):
    given = save(tmp_path / "in.png", (20, 12), icc_profile=profile())
    assert command("translate", "any", "in.png", "--mask", "center").code == 0
    hole = masked(pixels(tmp_path / "translations/in.png"), pixels(given))
    expected = torch.zeros(12, 20, dtype=torch.bool)
    expected[3:9, 5:15] = True
    assert torch.equal(hole, expected)
    assert opened(tmp_path / "translations/in.png").info["icc_profile"] == profile()
    middle = pixels(tmp_path / "translations/grid.png")[:, 66, 66]
    assert middle.tolist() == [128, 128, 128], "the sheet shows what the model was shown"


def test_what_is_transparent(command, tmp_path, complete):
    color = np.random.default_rng(0).integers(0, 256, (9, 12, 4), dtype=np.uint8)
    color[..., 3] = 255
    color[2:5, 3:7, 3] = 0
    for name, faint in (("hole", 255), ("faint", 200)):
        color[0, 0, 3] = faint
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(color).save(tmp_path / f"in/{name}.png")
    save(tmp_path / "in/opaque.png", (12, 9))
    done = command("translate", "any", "in", "--mask", "alpha", "--output", "out")
    assert (done.code, done.out.partition(" images")[0]) == (1, "2 of 3")
    assert "--mask='alpha': nothing in in/opaque.png is transparent" in done.err
    hole, faint = opened(tmp_path / "out/hole.png"), opened(tmp_path / "out/faint.png")
    assert hole.mode == "RGB", "nothing is transparent any more"
    assert np.array_equal(np.array(faint.getchannel("A")), np.maximum(color[..., 3], np.where(color[..., 3], 0, 255)))
    filled = masked(pixels(tmp_path / "out/hole.png"), torch.from_numpy(color[..., :3]).permute(2, 0, 1))
    assert torch.equal(filled, torch.from_numpy(color[..., 3] == 0))


def test_masks_of_files(command, tmp_path, complete):
    white = np.zeros((6, 8), dtype=np.uint8)
    white[1:3, 2:4] = 255
    for name in ("mask.png", "in/masks/a.png", "in/masks/below/b.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(white).save(tmp_path / name)
    given = {name: save(tmp_path / "in" / name, (16, 12)) for name in ("a.png", "below/b.jpg", "c.png")}
    hole = torch.from_numpy(white > 0).repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert command("translate", "any", "in/a.png", "--mask", "mask.png", "--output", "one").code == 0
    assert torch.equal(masked(pixels(tmp_path / "one/a.png"), pixels(given["a.png"])), hole)
    done = command("translate", "any", "in", "--mask", "in/masks", "--output", "out")
    assert (done.code, done.out.partition(" images")[0]) == (1, "2 of 3"), "masks are no images"
    assert done.err == "lightning_gans: --mask='in/masks': has no mask for in/c.png: c.png, with any ending\n"
    assert torch.equal(masked(pixels(tmp_path / "out/below/b.png"), pixels(given["below/b.jpg"])), hole)


def test_what_is_transparent_in_a_mask_is_known(command, tmp_path, complete):
    """Strokes that were drawn on nothing; and a mask that hides nothing is a mistake."""
    strokes = np.zeros((12, 16, 4), dtype=np.uint8)
    strokes[2:5, 3:7] = 255
    Image.fromarray(strokes).save(tmp_path / "strokes.png")
    Image.new("RGBA", (16, 12)).save(tmp_path / "nothing.png")
    given = save(tmp_path / "in.png", (16, 12))
    assert command("translate", "any", "in.png", "--mask", "strokes.png").code == 0
    hole = masked(pixels(tmp_path / "translations/in.png"), pixels(given))
    assert torch.equal(hole, torch.from_numpy(strokes[..., 3] > 0))
    done = command("translate", "any", "in.png", "--mask", "nothing.png")
    assert (done.code, done.err.count("nothing.png': nothing in it is white")) == (1, 1)


@pytest.mark.parametrize(
    ("model", "arguments", "expected"),
    [
        ("complete", [], ["--mask=None", "Inpainter completes images", "center, alpha, a file or a folder"]),
        ("complete", ["--mask", "nowhere"], ["--mask='nowhere'", "no such file or folder"]),
        ("complete", ["--mask", "broken.png"], ["--mask='broken.png'", "cannot be read"]),
        ("enlarge", ["--mask", "center"], ["--mask='center'", "Translator completes nothing"]),
        ("enlarge", ["--tile", "-1"], ["--tile=-1"]),
        ("enlarge", ["--overlap", "-1"], ["--overlap=-1"]),
        ("enlarge", ["--stochastic"], ["--stochastic=True", "--tile 0"]),
        ("enlarge", ["--interpolation", "0.5"], ["--interpolation=0.5", "Translator keeps no weights"]),
        ("complete", ["--mask", "center", "--overlap", "4"], ["--overlap=4", "Inpainter makes no tiles"]),
        ("complete", ["--mask", "center", "--tile", "64"], ["--tile=64", "Inpainter makes no tiles"]),
    ],
    ids=str,
)
def test_mistakes(command, tmp_path, request, model, arguments, expected):
    request.getfixturevalue(model)
    save(tmp_path / "in.png", (8, 8))
    (tmp_path / "broken.png").write_bytes(b"")
    done = command("translate", "any", "in.png", *arguments)
    assert (done.code, len(done.err.splitlines())) == (2, 1), done.err
    for part in expected:
        assert part in done.err
    assert not (tmp_path / "translations").exists()


def test_a_mask_of_another_shape_is_named(command, tmp_path, complete):
    save(tmp_path / "in.png", (16, 12))
    save(tmp_path / "mask.png", (8, 8))
    done = command("translate", "any", "in.png", "--mask", "mask.png")
    assert done.code == 1
    assert done.err == (
        "lightning_gans: in.png: --mask='mask.png': is 8 x 8 pixels, the image 16 x 12: another shape\n"
    )
