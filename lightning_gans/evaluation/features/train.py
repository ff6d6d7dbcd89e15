"""The seeded trainer behind the shipped classifiers, for any labelled images.

``python -m lightning_gans.evaluation.features.train --data digits --output digits.safetensors`` reproduces the shipped
file bit for bit on the machine type that made it (one thread; other processors step differently).
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.classifier import Classifier, save_classifier
from lightning_gans.evaluation.features.extractor import describe
from lightning_gans.images import from_uint8, to_uint8

Augmentation = Callable[[Tensor, torch.Generator], Tensor]
OnEpoch = Callable[[int, float], None]


class RandomAffine:
    """Small random rotation, scaling and shift of every image; borders repeat.

    Labels of digits, letters and most photographs survive it; there are no flips, which would make a 2 no digit. The
    largest either way: a rotation by ``degrees``, a relative change of size, a shift as a part of the image's side.
    """

    def __init__(self, degrees: float = 10.0, scale: float = 0.1, shift: float = 0.08) -> None:
        self.degrees, self.scale, self.shift = degrees, scale, shift

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform ``(N, C, H, W)`` float images, each by its own draw."""
        angle, size, right, down = 2 * torch.rand(4, len(images), generator=generator) - 1  # (N,) each, in [-1, 1]
        angle, size = angle * math.radians(self.degrees), 1 + size * self.scale
        cosine, sine = size * angle.cos(), size * angle.sin()
        rows = [cosine, -sine, 2 * self.shift * right, sine, cosine, 2 * self.shift * down]
        matrix = torch.stack(rows, dim=1).view(-1, 2, 3)  # maps output to input positions
        grid = nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
        return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def train_classifier(
    images: Tensor,
    labels: Tensor,
    *,
    seed: int = 0,
    epochs: int = 60,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    width: int = 24,
    augmentation: Augmentation | None = None,
    network: type[Classifier] = Classifier,
    device: torch.device | str = "cpu",
    on_epoch: OnEpoch = lambda epoch, loss: None,
) -> Classifier:
    """Train a classifier with AdamW and a cosine learning rate after a short warm-up; in eval mode, on the CPU.

    A function of its arguments, uint8 images (N, C, H, W) of at least 4x4 pixels and labels (N,) from 0 to K - 1: the
    seed draws initial weights, order and augmentation, the global random generator is neither read nor moved. Bit for
    bit equal on one thread (``torch.set_num_threads(1)``) of one kind of processor; on another device all that is drawn
    is the same. The rest of an epoch that does not fill a batch waits for the next order. ``augmentation`` changes each
    batch of float images in [-1, 1], by default ``RandomAffine``; ``on_epoch`` is told epoch (from 1) and mean loss;
    ``width`` is the network's.

    Raises:
        ConfigError: Images and labels do not fit together, or there are too few.
    """
    _check(images, labels, batch_size)
    augment = RandomAffine() if augmentation is None else augmentation
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels, height, pixels_wide = images.shape[1:]
        classifier = network((channels, height, pixels_wide), int(labels.max()) + 1, width=width)
    classifier.to(device).train()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=learning_rate, weight_decay=0.01)
    batches = len(images) // batch_size
    steps = epochs * batches
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (1 + math.cos(math.pi * step / steps)) / 2)
    )
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(images), generator=generator)[: batches * batch_size].view(batches, batch_size)
        total = 0.0
        for rows in order:
            batch = augment(from_uint8(images[rows]), generator)
            loss = nn.functional.cross_entropy(classifier(batch.to(device)).logits, labels[rows].to(device))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        on_epoch(epoch, total / batches)
    return classifier.cpu().eval()


def _check(images: Tensor, labels: Tensor, batch_size: int) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise ConfigError("images", describe(images), "training takes uint8 images (N, C, H, W)")
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64 or int(labels.min()) < 0:
        hint = f"training takes one int64 label from 0 up for each of the {len(images)} images"
        raise ConfigError("labels", describe(labels), hint)
    if not 2 <= batch_size <= len(images):
        hint = f"choose 2 to {len(images)}, the number of images to train on; or add images"
        raise ConfigError("batch_size", batch_size, hint)


def stratified_split(labels: Tensor, *, test_part: float = 0.2, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Row numbers, in increasing order, for training and for the test, which gets the same part of every class.

    Each class's count is rounded to the nearest integer; the global random generator is left alone.

    Example:
        >>> train, test = stratified_split(torch.tensor([0, 1] * 10), test_part=0.3, seed=0)
        >>> len(train), len(test), int((test % 2).sum())
        (14, 6, 3)
    """
    generator = torch.Generator().manual_seed(seed)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels):
        rows = torch.nonzero(labels == label).flatten()
        test[rows[torch.randperm(len(rows), generator=generator)][: round(test_part * len(rows))]] = True
    return torch.nonzero(~test).flatten(), torch.nonzero(test).flatten()


def accuracy(classifier: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Part of the uint8 images (N, C, H, W) whose largest logit is their label's (N,); the module is in eval mode."""
    with torch.no_grad():
        guesses = [classifier(from_uint8(chunk)).logits.argmax(dim=1) for chunk in torch.split(images, 1000)]
    return float((torch.cat(guesses) == labels).double().mean())


class Labeled(NamedTuple):
    """A labeled data set in memory, cut in two: uint8 images (N, C, H, W) and int64 labels (N,)."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def load_digits(root: Path | None = None) -> Labeled:
    """scikit-learn's 1,797 digits, 8x8, one fifth of each class for the test; they come with it, whatever the root."""
    from sklearn import datasets  # imported here: the features themselves do without it

    digits = datasets.load_digits()
    images = to_uint8(torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1)  # levels 0..16 to [-1, 1]
    labels = torch.from_numpy(digits.target).long()
    train, test = stratified_split(labels)
    return Labeled(images[train], labels[train], images[test], labels[test])


def load_mnist(root: Path | None = None) -> Labeled:
    """MNIST's 60,000 + 10,000 digits, 28x28, its own split, from a folder that holds ``MNIST/raw``, unpacked.

    Raises:
        ConfigError: They are not there.
    """
    from torchvision.datasets import MNIST

    hint = "needs the folder that holds MNIST/raw, as torchvision.datasets.MNIST(folder, download=True) makes it"
    if root is None:
        raise ConfigError("root", None, hint)
    try:
        train, test = (MNIST(root, train=train) for train in (True, False))
    except RuntimeError:
        raise ConfigError("root", str(root), hint) from None
    return Labeled(train.data.unsqueeze(1), train.targets, test.data.unsqueeze(1), test.targets)


TRAINING_SETS: dict[str, tuple[Callable[[Path | None], Labeled], str, int, int]] = {
    "digits": (load_digits, "scikit-learn digits, 1797 images, 20% of each class held out (seed 0)", 60, 64),
    "mnist": (load_mnist, "MNIST, 60000 training and 10000 test images", 8, 128),
}
"""Named data sets: how to load them, a description, and the epochs and the batch size that suit them."""


def write_classifier(
    data: Labeled, output: Path, on_epoch: OnEpoch, *, name: str, description: str, **settings: Any
) -> dict[str, Any]:
    """Train on one part of the data, test on the other, write weights and facts to a file for ``ClassifierFeatures``.

    The features have that name in metrics; settings are those of ``train_classifier``. Returns the facts written: name,
    description of the data, settings, test accuracy and the number of test images.

    Raises:
        ConfigError: The data do not fit together.
    """
    classifier = train_classifier(data.train_images, data.train_labels, on_epoch=on_epoch, **settings)
    right = accuracy(classifier, data.test_images, data.test_labels)
    tested = {"test_accuracy": round(right, 6), "test_images": len(data.test_labels)}
    facts = {"name": name, "data": description, **settings, **tested}
    save_classifier(classifier, output, facts)
    return facts


def main(arguments: list[str] | None = None) -> None:
    """Train a classifier on a named data set, test it, write the file with its test accuracy inside."""
    program = "python -m lightning_gans.evaluation.features.train"
    parser = argparse.ArgumentParser(program, description=main.__doc__)
    parser.add_argument("--data", choices=sorted(TRAINING_SETS), required=True)
    parser.add_argument("--root", type=Path, help="folder of the data, where it is not part of a package")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="passes over the training images; the data set's own by default")
    options = parser.parse_args(arguments)
    load, description, own_epochs, batch_size = TRAINING_SETS[options.data]
    epochs = own_epochs if options.epochs is None else options.epochs
    try:
        data = load(options.root)
    except ConfigError as error:
        parser.error(str(error))  # one line on stderr, exit code 2
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    settings = {"seed": options.seed, "epochs": epochs, "batch_size": batch_size}

    def tell(epoch: int, loss: float) -> None:
        print(f"epoch {epoch}/{epochs}  loss {loss:.4f}", flush=True)

    facts = write_classifier(data, options.output, tell, name=options.data, description=description, **settings)
    print(f"test accuracy {facts['test_accuracy']:.4f} on {facts['test_images']} images; wrote {options.output}")


if __name__ == "__main__":
    main()
