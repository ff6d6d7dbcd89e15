"""Every config of data over one of a model, through the real command, and what a user's own images need."""

import warnings
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from lightning_gans.errors import LightningGANsWarning
from tests.cases import few
from tests.cli.conftest import QUIET, TINY
from tests.data.files import save, write_cifar, write_mnist

CONFIGS = Path(__file__).parents[2] / "configs"
OVERRIDES = sorted(path.stem for path in (CONFIGS / "data").glob("*.yaml"))
SHORT = [*QUIET, "--trainer.max_steps", "2", "--metrics.num_samples", "64", "--samples.num_samples", "4"]
POINTS = {"grid", "line", "points", "ring", "three_regions", "two_gaussians"}
FEATURES = {name: name for name in ("digits", "emoji", "mnist", "stacked_mnist")} | dict.fromkeys(POINTS, "points")
FEATURES |= {"cifar10": "cifar10", "unpaired_digits": "colored_digits", "mnistm": "random"}
FEATURES |= dict.fromkeys(
    ("paired_images", "unpaired_images", "degraded_images", "masked_images", "captioned_images", "photographs"),
    "random",
)
FEATURES["captioned_emoji"] = "emoji"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A working directory with what these configs expect in it."""
    write_mnist(tmp_path / "data", count=80)  # a quarter is for the test
    write_mnist(tmp_path / "data", "FashionMNIST")
    write_cifar(tmp_path / "data", monkeypatch)
    for index in range(10):
        save(tmp_path / f"photos/{index}.png", (20, 24), seed=index)
    for index in range(20):
        for part in ("train", "test"):
            save(tmp_path / f"facades/{part}/{index}.png", (32, 16), seed=index)
            save(tmp_path / f"captioned/{part}/{index}.png", (32, 32), seed=index)
            (tmp_path / f"captioned/{part}/{index}.txt").write_text(f"number {index}")
            for domain in "AB":
                save(tmp_path / f"horse2zebra/{part}{domain}/{index}.png", (16, 16), seed=index)


def checkpoints(tmp_path):
    return {path.name: torch.load(path, weights_only=True) for path in tmp_path.glob("runs/*/*/checkpoints/*.ckpt")}


@pytest.mark.parametrize("name", few(OVERRIDES, {"ring", "paired_images", "captioned_emoji"}))
def test_override_config(command, data, tmp_path, name):
    width = [] if name in POINTS else TINY[2:6]
    override = ["--config", CONFIGS / "wgan.yaml", "--config", CONFIGS / f"data/{name}.yaml"]
    override += ["--data.num_samples", "200"] if name == "stacked_mnist" else []  # 10,000 are to be measured otherwise
    override += ["--metrics.num_reference", "40"] if name in ("emoji", "captioned_emoji", "photographs") else []
    override += ["--data.text_encoder", "tests.texts.BagOfWords"] if name.startswith("captioned") else []
    own = ["--data.root", "facades", "--data.image_size", "16"]  # 20 that are held out
    override += own if name in ("degraded_images", "masked_images") else []
    with pytest.warns(LightningGANsWarning, match="^no metrics") if name not in FEATURES else nullcontext():
        done = command("fit", *override, *width, *SHORT, "--data.batch_size", "10")
    assert (done.code, done.err) == (0, "")
    found = checkpoints(tmp_path)
    assert found.keys() == {"last.ckpt"} | ({"best.ckpt"} if name in FEATURES else set())
    assert (f"fid_{FEATURES.get(name)}" in done.out) == (name in FEATURES)
    assert found["last.ckpt"]["lightning_gans"]["step"] == 2


OWN = [*TINY[:6], "--data", "ImageFolder", "--data.root", "photos", "--data.image_size", "16", "--data.batch_size", "5"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no metrics")
def test_own_images_take_a_folder_and_a_size(command, data, tmp_path):
    assert command("fit", *OWN, *SHORT).code == 0
    content = checkpoints(tmp_path)["last.ckpt"]["hyper_parameters"]
    assert content["generator"]["init_args"]["image_shape"] == [3, 16, 16]
    (saved,) = tmp_path.glob("runs/*/*/config.yaml")
    again = command("fit", "--config", saved, *QUIET)
    assert again.code == 0, again.err


@pytest.mark.filterwarnings("ignore:no metrics")
def test_a_truncated_image_stops_the_run_unless_it_is_skipped(command, data, tmp_path):
    (tmp_path / "photos/3.png").write_bytes((tmp_path / "photos/3.png").read_bytes()[:200])
    broken = command("fit", *OWN, *SHORT)
    assert (broken.code, len(broken.err.splitlines())) == (2, 1)
    assert "photos/3.png" in broken.err
    with pytest.warns(LightningGANsWarning, match=r"^1 of the 10 images in photos cannot be read .*: photos/3\.png$"):
        assert command("fit", *OWN, *SHORT, "--data.skip_unreadable", "true").code == 0


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("degraded_images", ["degradations+=Blur", "degradations.sigma_max=2", "degradations+=JPEG"], "data.JPEG"),
        ("masked_images", ["mask=BlockMasks", "mask.number=3"], "number: 3"),
        ("masked_images", ["mask=FolderMasks", "mask.root=photos"], "root: photos"),
    ],
)
def test_degradations_and_masks_are_chosen_by_name(command, data, name, given, expected):
    words = [f"--data.{word}" for word in given]
    done = command("fit", "--config", CONFIGS / "wgan.yaml", "--config", f"data/{name}", *words, "--print_config")
    assert done.code == 0, done.err
    assert expected in done.out


PIX2PIX = ["--config", CONFIGS / "pix2pix.yaml", *SHORT, "--data", "PairedImages", "--data.root", "facades"]
PIX2PIX += ["--model.generator.base_channels", "4", "--model.discriminator.base_channels", "4"]


def test_own_pairs_take_a_folder(command, data, tmp_path):
    done = command("fit", *PIX2PIX, "--data.source_channels", 1, "--trainer.default_root_dir", "run")
    assert (done.code, done.err) == (0, "")
    assert "fid_random" in done.out
    assert "psnr" in done.out
    content = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert content["hyper_parameters"]["source_shape"] == [1, 16, 16]
    translated = command("translate", "run/checkpoints/last.ckpt", "photos", "--output", "out")
    assert (translated.code, len(list((tmp_path / "out").glob("?.png")))) == (0, 10)
    save(tmp_path / "facades/train/odd.png", (31, 16))
    save(tmp_path / "facades/test/small.png", (30, 16))
    for image, message in (
        ("odd", "image='facades/train/odd.png': is 31 pixels wide, which makes no two equal halves"),
        (
            "small",
            "--data.image_size=None: facades/train/0.png is 16 x 16 pixels, facades/test/small.png 15 x 16; give",
        ),
    ):
        done = command("fit", *PIX2PIX)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert message in done.err
        (tmp_path / f"facades/{'train' if image == 'odd' else 'test'}/{image}.png").unlink()
    (tmp_path / "facades/train/3.png").write_bytes(b"")
    assert "--data.skip_unreadable true" in command("fit", *PIX2PIX).err


def test_advice_is_one_line_on_the_screen(command):
    command("--help")
    assert warnings.formatwarning("mind this", LightningGANsWarning, "file.py", 3) == "lightning_gans: mind this\n"
    assert "file.py" in warnings.formatwarning("mind that", UserWarning, "file.py", 3)


@pytest.mark.parametrize("name", ["validate", "test"])
def test_without_features_nothing_can_be_validated(command, data, name):
    done = command(name, *OWN, *QUIET)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "metrics.features=None" in done.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "MNIST", "--data.root", "nowhere"], ["root='nowhere'", "--data.init_args.download true"]),
        (["--data", "CIFAR10"], ["root='data'", "--data.init_args.download true"]),
        (["--data", "ImageFolder"], ["data", "root"]),
        (["--data", "ImageFolder", "--data.root", "nowhere"], ["root='nowhere'", "no such folder"]),
        (["--data", "ImageFolder", "--data.root", "empty"], ["root='empty'", "holds no images"]),
        (["--data", "ImageFolder", "--data.root", "photos", "--data.image_size", "7"], ["image_shape=(3, 7, 7)"]),
        (["--data", "Ring2D"], ["image_shape=(2,)", "(channels, side, side)"]),
        (["--data", "ImageFolders", "--data.root", "photos"], ["did you mean ImageFolder?"]),
    ],
    ids=lambda value: " ".join(value) if value[0] == "--data" else "",
)
def test_mistakes_are_one_line(command, tmp_path, arguments, expected):
    (tmp_path / "empty").mkdir()
    save(tmp_path / "photos/1.png")
    done = command("fit", *TINY[:6], *SHORT, *arguments)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1, done.err
    for part in expected:
        assert part in done.err, done.err
