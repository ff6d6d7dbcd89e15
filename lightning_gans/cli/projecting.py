"""The work of ``lightning_gans project``."""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image, ImageOps
from rich.progress import Progress
from safetensors.torch import save_file
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from lightning_gans.cli.commands import ProjectionOptions
from lightning_gans.cli.runs import load_model, require_writable, write_image, write_picture
from lightning_gans.engine import LatentModel, is_class_conditional, is_styled
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import CIFAR10Maps, ClassifierMaps, Comparing, RandomFeatures, VGG19Maps
from lightning_gans.evaluation.files import decode_image
from lightning_gans.evaluation.projection import Projection, Projector
from lightning_gans.figures.grids import grid_picture
from lightning_gans.images import from_uint8


def write_projection(options: ProjectionOptions) -> None:
    """Search, print how near it came, and write.

    Raises:
        ConfigError: The model has no styles, the image cannot be read, or nothing can be written.
    """
    model = load_model(options.checkpoint, options.device)
    if not isinstance(model, LatentModel) or not is_styled(model.generator):
        hint = f"{type(model).__name__} has no styles to search; a model such as StyleGAN2 is needed"
        raise ConfigError("checkpoint", options.checkpoint, hint)
    _check_label(model, options.label)
    features = _features(options).to(model.device)
    output = Path(options.output)
    require_writable(output, "--output")
    target = _target(Path(options.image), model)
    with Progress(transient=True) as progress:
        task = progress.add_task("steps", total=options.steps)
        projector = Projector(
            features,
            per_layer=options.space == "w+",
            steps=options.steps,
            seed=options.seed,
            report=lambda done, total: progress.update(task, completed=done, total=total),
        )
        found = projector(model, target, label=options.label, ema=not options.no_ema)
    _write(found, target, output)
    print(f"distance {found.first_distance:.4g} at the mean of W, {found.distance:.4g} after {options.steps} steps")
    print(f"projection.png, beside.png, progress.png and latents.safetensors in {output}")


def _check_label(model: LatentModel, label: int | None) -> None:
    if not is_class_conditional(model):
        if label is not None:
            raise ConfigError("--label", label, f"{type(model).__name__} is not conditional: it knows no classes")
    elif label is None or not 0 <= label < model.num_classes:
        raise ConfigError("--label", label, f"name a class of this model: 0 to {model.num_classes - 1}")


def _features(options: ProjectionOptions) -> Comparing:
    """What images are compared by."""
    if Path(options.features).suffix == ".safetensors":
        return ClassifierMaps(options.features)
    named: dict[str, Callable[[], Comparing]] = {
        "cifar10": CIFAR10Maps,
        "random": RandomFeatures,
        "vgg19": lambda: VGG19Maps(str(options.weights), "conv3_2"),
    }
    if options.features not in named:
        raise ConfigError("--features", options.features, f"choose one of {', '.join(named)}, or a .safetensors file")
    return named[options.features]()


def _target(file: Path, model: LatentModel) -> Tensor:
    """The image as large as those of the model, (C, H, W) in [-1, 1]; says so where it had another shape."""
    if not file.is_file():
        raise ConfigError("image", str(file), "no such file; give one image")
    with torch.no_grad():
        channels, height, width = model.sample(1).shape[1:]
    if channels not in (1, 3):
        raise ConfigError("checkpoint", f"images of {channels} channels", "image files hold 1 or 3; use Python")
    image = decode_image(file, "L" if channels == 1 else "RGB")
    if image.size != (width, height):
        print(f"{file} is {image.width} x {image.height}: its middle, resized to {width} x {height}")
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return from_uint8(pil_to_tensor(image))


def _write(found: Projection, target: Tensor, output: Path) -> None:
    write_image(found.image, output / "projection.png")
    write_picture(grid_picture(torch.stack([target, found.image.cpu()]), 2), output / "beside.png")
    strip = torch.cat([found.progress.cpu(), target[None]])
    write_picture(grid_picture(strip, len(strip)), output / "progress.png")
    latents = {"styles": found.styles, "noise": found.noise}
    file = output / "latents.safetensors"
    try:
        save_file({name: part.contiguous().cpu() for name, part in latents.items()}, file)
    except OSError as error:
        raise ConfigError("--output", str(file), f"cannot be written ({error.strerror or error})") from error
