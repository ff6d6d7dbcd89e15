r"""Train the classifier behind ``CIFAR10Features`` and ``CIFAR10Maps``.

    python scripts/train_cifar10_features.py --root DIR \
        --output lightning_gans/evaluation/features/weights/cifar10.safetensors

The shipped file is of a copy of CIFAR-10 as JPEG files, ``DIR/train/<class>/*.jpg`` and ``DIR/test/<class>/*.jpg``;
half an hour on one thread of a processor. Where ``DIR`` holds ``cifar-10-batches-py`` the original is taken.
A script, and no data set of ``lightning_gans.evaluation.features.train``, since features know no data modules.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from lightning_gans.data.classics import CIFAR10
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.data.folder import ImageFolder
from lightning_gans.evaluation.features.classifier import PooledClassifier, save_classifier
from lightning_gans.evaluation.features.train import Labeled, accuracy, train_classifier

SIDES = (20, 24, 28, 32)


class RandomWindow:
    """A flip for every other image, and one window for the batch whose side is drawn from ``SIDES``.

    Smaller windows are faster; since the network takes a mean over all pixels, it gets to know several sizes.
    """

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform ``(N, C, 32, 32)`` float images."""
        flip = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
        side = SIDES[int(torch.randint(len(SIDES), (), generator=generator))]
        top, left = torch.randint(32 - side + 1, (2,), generator=generator).tolist()
        return torch.where(flip, images.flip(-1), images)[..., top : top + side, left : left + side]


def load(root: Path) -> tuple[Labeled, str]:
    """The images in a folder in either layout, and what they are."""
    if (root / "cifar-10-batches-py").is_dir():
        data = CIFAR10(str(root))
        train, test, what = data.parse(train=True), data.parse(train=False), "CIFAR-10"
    else:
        train, test = (folder(root / part) for part in ("train", "test"))
        what = "a copy of CIFAR-10 as JPEG files"
    assert train.labels is not None
    assert test.labels is not None
    description = f"{what}, {len(train)} training and {len(test)} test images"
    return Labeled(train.images, train.labels, test.images, test.labels), description


def folder(root: Path) -> ImageDataset:
    """The images in a folder of classes, in memory."""
    images = ImageFolder(str(root), image_size=32, flip=False).load_train()
    assert isinstance(images, ImageDataset)
    return images


def main() -> None:
    """Train on the training part, test on the other, write the file with the accuracy inside."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the images")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=9, help="passes over the training images")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    data, description = load(options.root)
    settings = {"seed": options.seed, "epochs": options.epochs, "batch_size": 64, "learning_rate": 4e-3, "width": 32}
    classifier = train_classifier(
        data.train_images,
        data.train_labels,
        **settings,
        augmentation=RandomWindow(),
        network=PooledClassifier,
        on_epoch=lambda epoch, loss: print(f"epoch {epoch}/{options.epochs}  loss {loss:.4f}", flush=True),
    )
    right = accuracy(classifier, data.test_images, data.test_labels)
    tested = {"test_accuracy": round(right, 6), "test_images": len(data.test_labels)}
    save_classifier(classifier, options.output, {"name": "cifar10", "data": description, **settings, **tested})
    print(f"test accuracy {right:.4f} on {len(data.test_labels)} images; wrote {options.output}")


if __name__ == "__main__":
    main()
