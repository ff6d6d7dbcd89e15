"""Train the judge behind ``ScenesFeatures`` on drawn scenes: relation, and shape, color and size of two objects.

    python scripts/train_scenes_features.py --output lightning_gans/evaluation/features/weights/scenes.safetensors

A few minutes on one thread; on one kind of processor it writes the same bytes again. Its scenes have all pairs of color
and shape, those that ``Scenes`` holds out too: a judge must know what it is shown. Noise and blur are added, since what
it will be shown is generated.
"""

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from lightning_gans.data import scenes
from lightning_gans.data.scenes import COLORS, SHAPES, SIZES, draw
from lightning_gans.evaluation.features.classifier import Classifier, save_classifier
from lightning_gans.images import from_uint8

LOOKS = {"shape": SHAPES, "color": COLORS, "size": SIZES}
HEADS = {
    "relation": [str(relation) for relation in scenes.RELATIONS],
    **{f"{name}_{number}": [*words] for number in (1, 2) for name, words in LOOKS.items()},
}
SIDE, BATCH_SIZE, LEARNING_RATE = 32, 128, 3e-3


def random_scenes(count: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Drawings, float (count, 3, 32, 32) in [-1, 1], made at the given side, and attributes (count, 7)."""
    drawn = [torch.randint(len(names), (count,), generator=generator) for names in HEADS.values()]
    attributes = torch.stack(drawn, dim=1)
    attributes[attributes[:, 0] == 0, 4:] = -1
    images = draw(attributes, torch.rand(count, 6, generator=generator), side)
    return nn.functional.avg_pool2d(from_uint8(images), side // SIDE), attributes


def worsened(images: Tensor, generator: torch.Generator) -> Tensor:
    """Some blur, other shades and noise, of another strength in each image; one in three stays as it is."""
    blur, shade, noise, kept = torch.rand(4, len(images), 1, 1, 1, generator=generator)
    soft = nn.functional.avg_pool2d(nn.functional.pad(images, (1, 1, 1, 1), "replicate"), 3, 1)
    shades = 0.3 * shade * (2 * torch.rand(len(images), 3, 1, 1, generator=generator) - 1)
    found = torch.lerp(images, soft, blur) + shades + 0.3 * noise * torch.randn(images.shape, generator=generator)
    return torch.where(kept < 1 / 3, images, found.clamp(-1, 1))


def split(logits: Tensor) -> tuple[Tensor, ...]:
    """Logits (N, 27) by attribute."""
    return logits.split([len(names) for names in HEADS.values()], dim=1)


def train(steps: int, seed: int) -> Classifier:
    """AdamW with a cosine learning rate, on fresh scenes at each step; in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    classifier = Classifier((3, SIDE, SIDE), sum(map(len, HEADS.values())))
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    for step in range(1, steps + 1):
        images, attributes = random_scenes(BATCH_SIZE, SIDE * (1 + step % 2), generator)
        parts = zip(split(classifier(worsened(images, generator)).logits), attributes.unbind(1), strict=True)
        loss = torch.stack([nn.functional.cross_entropy(part, truth, ignore_index=-1) for part, truth in parts]).sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}/{steps}  loss {loss.item():.4f}", flush=True)
    return classifier.eval()


def accuracies(classifier: Classifier, count: int) -> dict[str, float]:
    """Part of the scenes, of one and of two objects at 32 and 64 pixels, of which every attribute is right."""
    found = {}
    for side in (SIDE, 2 * SIDE):
        images, attributes = random_scenes(count, side, torch.Generator().manual_seed(2**32 + side))
        with torch.no_grad():
            logits = torch.cat([classifier(part).logits for part in images.split(500)])
        guesses = torch.stack([part.argmax(1) for part in split(logits)], dim=1)
        right = ((guesses == attributes) | (attributes == -1)).all(1)
        for objects in (1, 2):
            rows = (attributes[:, 0] > 0) == (objects == 2)
            found[f"test_accuracy_{objects}_at_{side}"] = round(float(right[rows].double().mean()), 6)
    return found


def main() -> None:
    """Train, test on other scenes, write the file with the accuracies inside."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2500)
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of float sums, hence the last bit of a weight, depends on the thread count
    classifier = train(options.steps, options.seed)
    found = accuracies(classifier, 10_000)
    facts = {
        "name": "scenes",
        "data": "drawn scenes of one and two objects, 32 and 64 pixels, some with noise and blur",
        "seed": options.seed,
        "steps": options.steps,
        "batch_size": BATCH_SIZE,
        "heads": [*HEADS.items()],  # a list: JSON's entries are sorted
        "test_images": 20_000,
        **found,
    }
    save_classifier(classifier, options.output, facts)
    print(found, f"wrote {options.output}")


if __name__ == "__main__":
    main()
