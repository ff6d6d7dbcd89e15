"""What each figure sees of generators whose faults are known, on digits.

    python benchmarks/hidden.py

Prints a markdown table in about ten seconds: a third of the digits is the training set, which samples are measured
against, a third is held out, and a third is what a perfect generator would make.
"""

import torch
from torch import Tensor

from lightning_gans.data import Digits, ImageDataset
from lightning_gans.evaluation.copying import nearest_training
from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.evaluation.sources import DatasetSource

SHOWN = (
    ("fid", ".1f"),
    ("is", ".2f"),
    ("marginal_entropy", ".2f"),
    ("conditional_entropy", ".2f"),
    ("precision", ".2f"),
    ("recall", ".2f"),
    ("one_nn_accuracy", ".2f"),
    ("c2st_accuracy", ".2f"),
    ("p_value_kid", ".3f"),
    ("p_value_one_nn", ".3f"),
    ("p_value_c2st", ".3f"),
    ("near_copies", ".2f"),
    ("p_value_copying", ".3f"),
)


def samples(train: Tensor, new: Tensor, labels: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """What generators make, by their fault; uint8 (n, C, H, W) of training and new images with the latter's labels."""
    drawn = torch.randint(len(train), (len(new),), generator=generator)
    noise = 20 * torch.randn(new.shape, generator=generator)
    first = torch.stack([new[labels == label][0] for label in range(10)])
    return {
        "perfect": new,
        "copies of the training images": train[drawn],
        "one image a class": first.repeat(len(new) // 10, 1, 1, 1),
        "five classes of ten": new[labels < 5],
        "noise of 20 levels": (new + noise).clamp(0, 255).byte(),
    }


def main() -> None:
    """Measure and print."""
    digits = Digits().reference_dataset
    assert isinstance(digits, ImageDataset)
    assert digits.labels is not None
    generator = torch.Generator().manual_seed(0)
    thirds = torch.randperm(len(digits), generator=generator).tensor_split(3)
    train, held_out, new = (digits.images[third] for third in thirds)
    evaluator = Evaluator(DigitsFeatures(), p_values=True, cache=None)
    real, unseen = (DatasetSource(ImageDataset(part, None)) for part in (train, held_out))
    measured: dict[str, dict[str, float]] = {}
    for name, images in samples(train, new, digits.labels[thirds[2]], generator).items():
        fake = DatasetSource(ImageDataset(images, None))
        found = nearest_training(evaluator, fake, real, unseen)
        measured[name] = found.added_to(evaluator.evaluate(fake, real), evaluator.features.metric_suffix).values
    print("| | " + " | ".join(measured) + " |\n" + "|---" * (len(measured) + 1) + "|")
    for figure, form in SHOWN:
        row = [f"{values[f'{figure}_digits']:{form}}" for values in measured.values()]
        print(f"| `{figure}` | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
