r"""Train the classifier behind ``ColoredDigitsFeatures`` on the colored digits of ``UnpairedDigits``.

    python scripts/train_colored_digits_features.py \
        --output lightning_gans/evaluation/features/weights/colored_digits.safetensors

A script, and no data set of ``lightning_gans.evaluation.features.train``, since features know no data modules.
"""

import argparse
from pathlib import Path

import torch

from lightning_gans.data.digits import HELD_OUT, Digits, color, enlarge
from lightning_gans.evaluation.features.train import Labeled, write_classifier

COLORINGS = 8  # of each digit


def main() -> None:
    """Train on digits that are not held out, in several colorings; test on the others, as metrics see them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training images")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    digits = Digits().load_train()
    images, labels, numbers = enlarge(digits.images), digits.labels, torch.arange(len(digits))
    assert labels is not None
    seen, held_out = (numbers[(numbers % HELD_OUT == 0) == test] for test in (False, True))
    data = Labeled(
        torch.cat([color(images[seen], seen, seed) for seed in range(1, COLORINGS + 1)]),
        labels[seen].repeat(COLORINGS),
        color(images[held_out], held_out),
        labels[held_out],
    )
    facts = write_classifier(
        data,
        options.output,
        lambda epoch, loss: print(f"epoch {epoch}/{options.epochs}  loss {loss:.4f}", flush=True),
        name="colored_digits",
        description=f"scikit-learn digits on smooth noise, {COLORINGS} colorings, every sixth digit held out",
        seed=options.seed,
        epochs=options.epochs,
        batch_size=64,
        width=8,
    )
    print(f"test accuracy {facts['test_accuracy']:.4f} on {facts['test_images']} images; wrote {options.output}")


if __name__ == "__main__":
    main()
