"""How far a reader goes to follow one discriminator loss: the package's functions that it passes, and their files.

    python benchmarks/jumps.py

Counted from ``discriminator_loss`` of each variant, on points, with what its critic adds (``settle``). Where a reader
stops is not followed further: networks, ``Game.rand`` (random numbers), logging, and the context without autocast.
"""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from lightning_gans import WGANGP, BiGAN, ConditionalGAN, Game
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator

STOPS = ("Game.log_value", "no_autocast_eager")
PACKAGE = Path(sys.modules["lightning_gans"].__file__ or "").parent


def passed(model: Game, *data: torch.Tensor) -> list[tuple[str, str]]:
    """The functions of the package, by file and name, that the first discriminator loss of a run calls."""
    from lightning.pytorch import Trainer

    found: dict[tuple[str, str], None] = {}
    play, settle = model.discriminator_loss, model.critic.settle

    def look(frame: FrameType, event: str, _: Any) -> None:
        file, name = Path(frame.f_code.co_filename), frame.f_code.co_qualname
        if event == "call" and file.is_relative_to(PACKAGE) and name not in STOPS:
            place = str(file.relative_to(PACKAGE))
            if (
                not place.startswith(("networks/", "engine/rng", "engine/priors"))
                and "<" not in name.rpartition(".")[2]
            ):
                found[place, name] = None

    def watched(function: Any) -> Any:
        def run(*args: Any) -> Any:
            sys.setprofile(look)
            try:
                return function(*args)
            finally:
                sys.setprofile(None)

        return run

    model.discriminator_loss, model.critic.settle = watched(play), watched(settle)  # type: ignore[method-assign]
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(max_steps=1, accelerator="cpu", log_every_n_steps=1000, **quiet)
    trainer.fit(model, DataLoader(TensorDataset(*data), batch_size=16))
    return list(found)


def main() -> None:
    """Print a line a variant."""
    points, labels = torch.randn(16, 2), torch.arange(16) % 3
    generator = MLPGenerator(4, (2,), (8,), tanh_output=False)
    conditional = MLPGenerator(4, (2,), (8,), tanh_output=False, num_classes=3)
    pair = MLPDiscriminator((2,), (8,), latent_dim=4)
    for model, data in (
        (WGANGP(generator, MLPDiscriminator((2,), (8,))), (points,)),
        (BiGAN(generator, MLPEncoder((2,), (8,), out_features=4), pair), (points,)),
        (ConditionalGAN(conditional, MLPDiscriminator((2,), (8,), num_classes=3), num_classes=3), (points, labels)),
    ):
        steps = passed(model, *data)
        files = sorted({file for file, _ in steps})
        print(f"{type(model).__name__}: {len(steps)} functions: {', '.join(name for _, name in steps)}")
        print(f"    {len(files)} files: {', '.join(files)}")


if __name__ == "__main__":
    main()
