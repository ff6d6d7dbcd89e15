"""``lightning_gans translate`` and ``predict``: images to images, of any size, one or a folder."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lightning_gans import Pix2Pix
from lightning_gans.cli import main, translating
from lightning_gans.data import EmojiPairs
from lightning_gans.engine import Translator
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8, to_uint8
from tests.cli.conftest import QUIET

SMALL = [part for name in ("generator", "discriminator") for part in (f"--model.{name}.base_channels", "4")]
SHORT = [*QUIET, "--trainer.max_steps", "2", "--data.batch_size", "4"]
NOTHING = ["--metrics.every_n_steps", "0", "--samples.every_n_steps", "0"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Two steps of pix2pix on emoji."""
    folder = tmp_path_factory.mktemp("pix2pix")
    main(["fit", "--config", "pix2pix", *SMALL, *SHORT, *NOTHING, "--trainer.default_root_dir", str(folder)])
    return folder / "checkpoints/last.ckpt"


def save(path, size, mode="RGB", seed=0, **settings):
    """A random image of that size (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **settings)
    return path


def pixels(path):
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def test_a_folder(command, tmp_path, checkpoint):
    sizes = {"a.png": (20, 40), "below/b.webp": (17, 23), "below/deeper/c.bmp": (70, 64)}
    for seed, (name, size) in enumerate(sizes.items()):
        save(tmp_path / "in" / name, size, seed=seed)
    done = command("translate", checkpoint, "in", "--output", "out")
    assert (done.code, done.err) == (0, "")
    assert done.out == "3 of 3 images in out, and out/grid.png\n"
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")}
    assert found == {"a.png", "below/b.png", "below/deeper/c.png", "grid.png"}
    model = Pix2Pix.load_from_checkpoint(checkpoint)
    for name, size in sizes.items():
        made = pixels((tmp_path / "out" / name).with_suffix(".png"))
        assert made.shape == (3, size[1], size[0])
        if name.endswith("a.png"):
            expected = to_uint8(model.translate(from_uint8(pixels(tmp_path / "in" / name))[None]))[0]
            torch.testing.assert_close(made, expected, atol=1, rtol=0)
    with Image.open(tmp_path / "out/grid.png") as sheet:
        assert sheet.size == (6 * 130 + 2, 132), "three pairs"


def test_one_image_and_raw_weights(command, tmp_path, checkpoint):
    save(tmp_path / "in.png", (64, 64))
    assert command("translate", checkpoint, "in.png").code == 0
    assert {path.name for path in (tmp_path / "translations").iterdir()} == {"in.png", "grid.png"}
    assert command("translate", checkpoint, "in.png", "--output", "again", "--device", "cpu").code == 0
    assert (tmp_path / "again/in.png").read_bytes() == (tmp_path / "translations/in.png").read_bytes()
    assert command("translate", checkpoint, "in.png", "--output", "raw", "--no_ema", "--seed", 3).code == 0


def test_images_are_turned_upright_and_gray_ones_are_colored(command, tmp_path, checkpoint):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    save(tmp_path / "in/turned.jpg", (40, 24), exif=exif)
    save(tmp_path / "in/gray.png", (24, 24), mode="L")
    save(tmp_path / "in/clear.png", (24, 24), mode="RGBA")
    assert command("translate", checkpoint, "in", "--output", "out").code == 0
    assert pixels(tmp_path / "out/turned.png").shape == (3, 40, 24)
    assert pixels(tmp_path / "out/gray.png").shape == (3, 24, 24)


def test_levels_of_16_bits_are_scaled(command, tmp_path, checkpoint):
    ramp = np.arange(16 * 24, dtype=np.uint16).reshape(16, 24) * 170
    (tmp_path / "in").mkdir()
    Image.fromarray(ramp).save(tmp_path / "in/deep.png")
    Image.fromarray((ramp / 257).round().astype(np.uint8)).save(tmp_path / "in/plain.png")
    assert command("translate", checkpoint, "in", "--output", "out").code == 0
    assert torch.equal(pixels(tmp_path / "out/deep.png"), pixels(tmp_path / "out/plain.png")), "scaled, not cut off"


def test_noise_at_test_time_is_the_seed_s(command, tmp_path, checkpoint):
    save(tmp_path / "a.png", (20, 40))
    made = {}
    for name, flags in {
        "still": (),
        "one": ("--stochastic",),
        "again": ("--stochastic",),
        "other": ("--stochastic", "--seed", 1),
    }.items():
        assert command("translate", checkpoint, "a.png", "--output", name, *flags).code == 0
        made[name] = pixels(tmp_path / name / "a.png")
    assert torch.equal(made["one"], made["again"])
    assert not any(torch.equal(made["one"], made[name]) for name in ("still", "other"))


class Tint(Translator):
    """Gray drawings to red ones and back; refuses what is below 8 pixels."""

    directions = dict.fromkeys(("AtoB", "BtoA"), "generator")

    def __init__(self):
        super().__init__(nn.Identity(), source_shape=(1, 8, 8))

    def channels_of(self, direction="AtoB"):
        return {"AtoB": 1, "BtoA": 3}[direction]

    def translate(self, images, *, seed=0, ema=True, direction="AtoB"):
        assert images.shape[1] == self.channels_of(direction)
        if min(images.shape[2:]) < 8:
            raise ConfigError("source", tuple(images.shape), "sides of 8 pixels or more are needed")
        white = torch.ones_like(images[:, :1])
        return torch.cat([white, images, images], 1) if direction == "AtoB" else images[:, 1:2]


def test_both_directions_read_images_as_the_model_takes_them(command, tmp_path, monkeypatch):
    monkeypatch.setattr(translating, "load_model", lambda *_: Tint())
    gray, color = save(tmp_path / "in/gray.png", (20, 12), mode="L"), save(tmp_path / "in/color.png", (20, 12))
    assert command("translate", "any", "in", "--output", "there").code == 0
    with Image.open(color) as image:
        luma = torch.from_numpy(np.array(image.convert("L")))
    assert torch.equal(pixels(tmp_path / "there/color.png")[1], luma)
    assert torch.equal(pixels(tmp_path / "there/gray.png")[1], pixels(gray)[0])
    assert command("translate", "any", "there", "--direction", "BtoA", "--output", "back").code == 0
    with Image.open(tmp_path / "back/gray.png") as image:
        assert image.mode == "L"
    assert torch.equal(pixels(tmp_path / "back/gray.png"), pixels(gray))
    assert command("translate", "any", "in/gray.png", "--direction", "BtoA", "--output", "gray").code == 0
    assert torch.equal(pixels(tmp_path / "gray/gray.png"), pixels(gray)), "gray as three equal channels"


def test_an_image_that_the_model_refuses_is_named_and_the_others_are_done(command, tmp_path, monkeypatch):
    monkeypatch.setattr(translating, "load_model", lambda *_: Tint())
    save(tmp_path / "in/small.png", (6, 12)), save(tmp_path / "in/z.png", (12, 12))
    done = command("translate", "any", "in", "--output", "out")
    assert (done.code, done.out) == (1, "1 of 2 images in out, and out/grid.png\n")
    (line,) = done.err.splitlines()
    assert "in/small.png: source=(1, 1, 12, 6)" in line


def test_a_bar_on_a_terminal_alone(command, tmp_path, monkeypatch):
    monkeypatch.setattr(translating, "load_model", lambda *_: Tint())
    save(tmp_path / "in.png", (12, 12))
    assert command("translate", "any", "in.png").err == ""
    monkeypatch.setattr(translating.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    done = command("translate", "any", "in.png")
    assert "100%" in done.err
    assert done.out == "1 of 1 images in translations, and translations/grid.png\n"


def test_names_that_would_meet_keep_their_suffix(command, tmp_path, checkpoint):
    for name in ("a.png", "a.bmp", "grid.png", "below/a.png"):
        save(tmp_path / "in" / name, (16, 16))
    assert command("translate", checkpoint, "in", "--output", "in/out").code == 0
    assert command("translate", checkpoint, "in", "--output", "in/out").out.startswith("4 of 4"), "not its own output"
    found = {str(path.relative_to(tmp_path / "in/out")) for path in (tmp_path / "in/out").rglob("*.png")}
    assert found == {"a.png.png", "a.bmp.png", "grid.png.png", "below/a.png", "grid.png"}


def test_a_broken_image_is_named_and_the_others_are_done(command, tmp_path, checkpoint):
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / "in" / name, (16, 16))
    (tmp_path / "in/b.png").write_bytes((tmp_path / "in/b.png").read_bytes()[:200])
    done = command("translate", checkpoint, "in", "--output", "out")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert "in/b.png" in line
    assert "cannot be read" in line
    assert done.out.startswith("2 of 3 images")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "c.png", "grid.png"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], ["images='nowhere'", "no such image or folder"]),
        (["empty"], ["empty", "holds no images"]),
        (["in.png", "--device", "nonsense"], ["--device='nonsense'"]),
        (["in.png", "--output", "in.png/below"], ["--output='in.png/below'", "another folder"]),
        (["in.png", "--raw"], ["--raw is now --no_ema"]),
        (["in.png", "--direction", "BtoA"], ["--direction='BtoA'", "Pix2Pix has learned AtoB alone"]),
        (["in.png", "--direction", "back"], ["--direction='back'", "choose AtoB or BtoA"]),
        (["in.png", "--output", "."], ["--output='.'", "in.png would be overwritten"]),
        ([".", "--output", "empty/.."], ["--output='empty/..'", "is the folder of the images"]),
        (["grid.png", "--output", "."], ["--output='.'", "grid.png would be overwritten"]),
        ([], ["images", "required"]),
    ],
    ids=str,
)
def test_mistakes(command, tmp_path, checkpoint, arguments, expected):
    (tmp_path / "empty").mkdir()
    for name in ("in.png", "grid.png"):
        save(tmp_path / name, (16, 16))
    done = command("translate", checkpoint, *arguments)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1, done.err
    for part in expected:
        assert part in done.err


def test_who_cannot_translate_and_who_cannot_sample(command, tmp_path, checkpoint):
    save(tmp_path / "in.png", (16, 16))
    networks = ["--model.generator", "MLPGenerator", "--model.discriminator", "MLPDiscriminator"]
    fit = ["--model", "GAN", *networks, "--data", "Digits", *SHORT, *NOTHING, "--trainer.default_root_dir", "gan"]
    assert command("fit", *fit).code == 0
    done = command("translate", "gan/checkpoints/last.ckpt", "in.png")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "GAN does not translate images" in done.err
    done = command("sample", checkpoint)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "use lightning_gans translate" in done.err
    done = command("evaluate", "--real", "Digits", "--checkpoint", checkpoint)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "does not generate from latents" in done.err


def test_predict_translates_the_test_data_by_number(command, tmp_path, checkpoint):
    done = command(
        "predict", "--ckpt_path", checkpoint, *QUIET, "--data.batch_size", 30, "--trainer.limit_predict_batches", 2
    )
    assert (done.code, done.err) == (0, "")
    folder = checkpoint.parent.parent / "predictions"
    files = sorted(folder.glob("*.png"))
    assert [path.name for path in files] == [f"{index:06d}.png" for index in range(60)]
    model, data = Pix2Pix.load_from_checkpoint(checkpoint), EmojiPairs()
    source = data.test_dataset.__getitems__([41])["source"]
    source = source if source.is_floating_point() else from_uint8(source)
    torch.testing.assert_close(pixels(files[41]), to_uint8(model.translate(source))[0], atol=1, rtol=0)
    assert f"predictions in {folder}" in done.out


def test_pix2pix_wants_pairs_in_training_whatever_is_held_out(command):
    done = command("fit", "--config", "pix2pix", *SMALL, *SHORT, *NOTHING, "--data", "UnpairedEmoji")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "data='UnpairedEmoji': has no pairs" in done.err


@pytest.mark.filterwarnings("ignore:no test images", "ignore:metrics need 20 test images", "ignore:no metrics")
def test_folders_too_small_to_measure(command, tmp_path):
    """Two steps without pairs, and the held-out part is translated, without a figure; pix2pix wants pairs."""
    for number in range(6):
        save(tmp_path / "AB"[number % 2] / f"{number}.png", (16, 16), seed=number)
    given = [*SMALL, "--data", "UnpairedImages", "--data.root", ".", *QUIET, "--trainer.max_steps", "2"]
    given += ["--data.batch_size", "2", "--trainer.default_root_dir", "run"]
    done = command("fit", "--config", "pix2pix", *given)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "data='UnpairedImages': has no pairs" in line
    back = [part.replace("model.", "model.source_") for part in SMALL]
    back += [part for name in ("generator", "source_generator") for part in (f"--model.{name}.num_blocks", "1")]
    done = command("fit", "--config", "cut", *given, "--data.source_channels", 1)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "--data.source_channels=1: and images have 3" in done.err
    assert command("fit", "--config", "cyclegan", *given, *back).code == 0
    done = command("predict", "--ckpt_path", "run/checkpoints/last.ckpt", *QUIET)
    assert (done.code, done.err) == (0, "")
    assert [path.name for path in (tmp_path / "run/predictions").glob("*.png")] == ["000000.png"]


def test_predict_generates_from_latents_too(command, tmp_path):
    networks = ["--model.generator", "MLPGenerator", "--model.discriminator", "MLPDiscriminator"]
    given = ["--model", "GAN", *networks, "--data", "Digits", *QUIET, "--trainer.limit_predict_batches", 1]
    with pytest.warns(UserWarning, match="these are the untrained networks"):
        done = command("predict", *given, "--trainer.default_root_dir", "run")
    assert done.code == 0
    assert len(list((tmp_path / "run/predictions").glob("*.png"))) == 64
    points = [*given[:6], "--data", "Ring2D", "--model.generator.tanh_output", "false", *QUIET]
    done = command("predict", *points)
    assert (done.code, len(done.err.splitlines()[-1:])) == (2, 1)
    assert "predict writes images" in done.err
