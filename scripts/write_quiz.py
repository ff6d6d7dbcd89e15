"""Write the digits that the lab's quiz shows: real ones, and samples of three models.

lightning_gans fit --config vae --trainer.max_steps 2000 --trainer.default_root_dir runs/quiz/vae
lightning_gans fit --config gan --trainer.max_steps 500 --trainer.default_root_dir runs/quiz/gan_500
lightning_gans fit --config gan --trainer.max_steps 4000 --trainer.default_root_dir runs/quiz/gan_4000
python scripts/write_quiz.py runs/quiz
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from lightning_gans.cli.runs import load_model, write_image
from lightning_gans.data import Digits
from lightning_gans.engine.protocols import can_sample
from lightning_gans.images import from_uint8
from lightning_gans.lab.quiz import COLUMNS, GENERATORS

ASSETS = Path(__file__).parents[1] / "lightning_gans/lab/assets"


def main(folder: Path) -> None:
    """Write them, 100 of each kind."""
    digits = Digits().load_train().images
    chosen = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))[: COLUMNS**2]
    write("real", from_uint8(digits[chosen]))
    for name in GENERATORS:
        model = load_model(str(folder / name / "checkpoints/last.ckpt"), "cpu")
        assert can_sample(model)
        write(name, model.sample(COLUMNS**2, seed=0))


def write(name: str, images: Tensor) -> None:
    """Images (100, 1, 8, 8) as one file, without a space between."""
    rows = [torch.cat([*row], dim=2) for row in images.split(COLUMNS)]  # (1, 8, 80) each
    write_image(torch.cat(rows, dim=1), ASSETS / f"quiz_{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
