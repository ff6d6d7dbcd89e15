r"""Train the classifier behind ``EmojiFeatures`` on the embedded emoji: 36 classes, each a style with a group.

    python scripts/train_emoji_features.py --device cuda \
        --output lightning_gans/evaluation/features/weights/emoji.safetensors

Three minutes on a GPU, an hour on one thread of a processor; on one kind of device it writes the same bytes again.
A script, and no data set of ``lightning_gans.evaluation.features.train``, since features know no data modules.
"""

import argparse
import os
from pathlib import Path

import torch
from torch import Tensor

from lightning_gans.data.emoji_images import STYLES, Split, load_emoji, rows_of
from lightning_gans.evaluation.features.classifier import Classifier, save_classifier
from lightning_gans.evaluation.features.train import RandomAffine, train_classifier
from lightning_gans.images import from_uint8


class RandomView:
    """A flip, a small rotation, scaling and shift, and for every other image the loss of half its resolution.

    So that images of 32 pixels, which ``EmojiFeatures`` enlarges, are no stranger to it than those of 64.
    """

    def __init__(self) -> None:
        self.affine = RandomAffine()

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform ``(N, C, H, W)`` float images, each by its own draw."""
        flip, coarse = torch.rand(2, len(images), 1, 1, 1, generator=generator) < 0.5  # (N, 1, 1, 1) each
        images = self.affine(torch.where(flip, images.flip(-1), images), generator)
        half = torch.nn.functional.avg_pool2d(images, 2)
        return torch.where(coarse, enlarged(half, images.shape[-1]), images)


def enlarged(images: Tensor, side: int) -> Tensor:
    """Float images (N, C, h, h) at a larger side."""
    return torch.nn.functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)


def class_names() -> list[str]:
    """The pairs of style and group that there are, styles and groups in the order of their lists."""
    pairs = (f"{style}/{one.group}" for style in STYLES for one in load_emoji(style)[1])
    return list(dict.fromkeys(pairs))


def labeled(split: Split) -> tuple[Tensor, Tensor]:
    """The images (N, 3, 64, 64) of a part in every style, and the numbers (N,) of their classes."""
    names = class_names()
    images, labels = [], []
    for style in STYLES:
        all_images, records = load_emoji(style)
        rows = rows_of(records, split)
        images.append(all_images[rows])
        labels += [names.index(f"{style}/{records[row].group}") for row in rows.tolist()]
    return torch.cat(images), torch.tensor(labels)


def accuracies(classifier: Classifier, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Part of the images whose likeliest class, style, group is theirs."""
    names = class_names()
    with torch.no_grad():
        logits = torch.cat([classifier(from_uint8(chunk)).logits for chunk in images.split(500)])  # (N, K)
    found = {"test_accuracy": float((logits.argmax(1) == labels).double().mean())}
    for place, what in enumerate(("style", "group")):
        parts = [name.split("/")[place] for name in names]
        kinds = list(dict.fromkeys(parts))
        member = torch.tensor([[part == kind for part in parts] for kind in kinds]).double()  # (kinds, K)
        guesses = (logits.double().softmax(1) @ member.T).argmax(1)  # a kind is as likely as its classes together
        truth = torch.tensor([kinds.index(part) for part in parts])[labels]
        found[f"test_accuracy_{what}"] = float((guesses == truth).double().mean())
    return found


def main() -> None:
    """Train on the training part, test on the other, write the file with the accuracies inside."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60, help="passes over the training images")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # what torch asks for, to sum in the same order every time
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    images, labels = labeled("train")
    classifier = train_classifier(
        images,
        labels,
        seed=options.seed,
        epochs=options.epochs,
        learning_rate=5e-3,  # at the default of 2e-3 it learns the group more slowly
        augmentation=RandomView(),
        device=options.device,
        on_epoch=lambda epoch, loss: print(f"epoch {epoch}/{options.epochs}  loss {loss:.4f}", flush=True),
    )
    test_images, test_labels = labeled("test")
    found = accuracies(classifier, test_images, test_labels)
    facts = {
        "name": "emoji",
        "data": "embedded emoji in four styles, about 11% of the drawings held out by code points",
        "seed": options.seed,
        "epochs": options.epochs,
        "batch_size": 64,
        **{name: round(value, 6) for name, value in found.items()},
        "test_images": len(test_labels),
        "classes": class_names(),
    }
    save_classifier(classifier, options.output, facts)
    print(found, f"on {len(test_labels)} images; wrote {options.output}")


if __name__ == "__main__":
    main()
