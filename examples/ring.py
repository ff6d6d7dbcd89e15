"""Mode collapse as a film: a GAN learns a ring of eight Gaussians, and loses or keeps its modes.

Run it with ``python examples/ring.py``; after a minute there is ``ring.gif``, made from the pictures of the run.
"""

import argparse
from pathlib import Path

from animate import animate
from lightning.pytorch import Trainer, seed_everything

from lightning_gans import GAN
from lightning_gans.callbacks import SampleGrid
from lightning_gans.data import Ring2D
from lightning_gans.networks import MLPDiscriminator, MLPGenerator


def main(steps=3000, frames=60, folder="runs/ring", output="ring.gif"):
    seed_everything(0)
    data = Ring2D(std=0.05, batch_size=256)
    generator = MLPGenerator(8, data.image_shape, hidden_dims=[128, 128], tanh_output=False)
    discriminator = MLPDiscriminator(data.image_shape, hidden_dims=[128, 128])
    model = GAN(generator, discriminator, optimization={"ema_decay": 0.99})
    pictures = SampleGrid(every_n_steps=max(1, steps // frames))
    trainer = Trainer(
        max_steps=steps,
        max_epochs=-1,
        callbacks=[pictures],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    trainer.fit(model, data)
    distance = (model.sample(2000)[:, None] - data.means).norm(dim=2)  # (N, K)
    close = distance.min(1).values < 3 * data.std
    modes = len(distance.argmin(1)[close].unique())
    print(f"{modes} of {len(data.means)} modes; {close.float().mean():.0%} of the samples within 3 sigma of one")
    return animate(Path(folder), Path(output))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--output", default="ring.gif")
    given = parser.parse_args()
    main(given.steps, output=given.output)
