"""Published recipes, each for ten steps with narrow networks: every setting is taken, and the game is played."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from lightning_gans.cli import main
from tests.cases import few

RECIPES = Path(__file__).parents[2] / "configs/recipes"
NARROW = {"channel_base": "64", "base_channels": "4", "attention": "8"}
SIDE = 16


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of images."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(64):
        file = folder / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(file)
    return folder


@pytest.mark.parametrize(
    "file", few(sorted(RECIPES.glob("*.yaml")), [RECIPES / "r3gan_cifar10.yaml"]), ids=lambda file: file.stem
)
def test_ten_steps(file, photos, tmp_path):
    recipe = yaml.safe_load(file.read_text())
    networks = {role: node for role, node in recipe["model"]["init_args"].items() if isinstance(node, dict)}
    words = ["--data", "ImageFolder", "--data.root", str(photos), "--data.image_size", str(SIDE)]
    words += ["--data.num_workers", "0", "--data.batch_size", "32", "--trainer.max_steps", "10"]
    for role, node in networks.items():
        for name in NARROW.keys() & node.get("init_args", {}).keys():
            words += [f"--model.{role}.init_args.{name}", NARROW[name]]
    if "micro_batches" in recipe["model"]["init_args"]["optimization"]:
        words += ["--model.optimization.micro_batches", "2"]
    quiet = ["--trainer.logger", "false", "--metrics.every_n_steps", "0", "--samples.every_n_steps", "0"]
    main(["fit", "--config", f"recipes/{file.stem}", *words, *quiet, "--trainer.default_root_dir", str(tmp_path)])
    assert (tmp_path / "checkpoints/last.ckpt").exists()
