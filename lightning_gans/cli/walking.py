"""Pictures that ``sample`` makes of several latents at once: a walk from one to the next, and mixed styles."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from lightning_gans.batch import Condition
from lightning_gans.cli.commands import SamplingOptions
from lightning_gans.engine import LatentModel, Styled, is_styled
from lightning_gans.errors import ConfigError
from lightning_gans.figures.grids import grid_picture
from lightning_gans.images import to_uint8

_AT_ONCE = 64
_FRAME_MS = 50  # 20 frames a second
_SMALLEST_FRAME = 256  # pixels: smaller images are enlarged, each pixel as it is
_COARSE = 4  # layers of 4 x 4 and 8 x 8, which decide pose and shape: Karras et al. 2019, section 3.1


@torch.no_grad()
def write_walk(model: LatentModel, file: Path, condition: Condition, options: SamplingOptions, how: Any) -> None:
    """An animation of ``num_samples`` frames from latent to latent and back to the first, for one condition."""
    steps = options.interpolate or 16
    prior = model.prior if options.truncation is None else model.prior.truncate(options.truncation)
    corners = -(-options.num_samples // steps)
    z, *given = model.generator_inputs(
        condition.map(lambda part: part.to(model.device)), 0, corners, options.seed, prior
    )
    t = torch.linspace(0, 1, steps + 1, device=z.device, dtype=z.dtype)[:-1, None]
    ends = zip(z, z.roll(-1, 0), strict=True)
    path = torch.cat([prior.interpolate(one, other, t) for one, other in ends])[: options.num_samples]
    frames = []
    for part in path.split(_AT_ONCE):
        same = [value[:1].expand(len(part), *value.shape[1:]) for value in given]  # what is given, and noise, stay
        frames.append(to_uint8(model(part, *same, ema=not options.no_ema, **how)).cpu())
    if frames[0].ndim != 4:
        raise ConfigError("--output", options.output, "an animation shows images, and this model makes points")
    pictures = [to_pil_image(enlarged(image)) for image in torch.cat(frames)]
    pictures[0].save(file, save_all=True, append_images=pictures[1:], duration=_FRAME_MS, loop=0)
    print(f"{len(pictures)} frames in {file}")


@torch.no_grad()
def write_style_mixing(model: LatentModel, condition: Condition, options: SamplingOptions, how: Any) -> None:
    """A table of pictures: each row keeps the coarse styles of its first one, each column the fine ones of its top.

    Karras et al. 2019, arXiv:1812.04948, fig. 3; pictures of the styles themselves are the first row and column.
    """
    assert options.style_mixing is not None
    rows, columns = options.style_mixing
    network = model.inference_network("generator", ema=not options.no_ema).eval()
    assert is_styled(network)
    prior = model.prior if options.truncation is None else model.prior.truncate(options.truncation)
    condition = condition.map(lambda part: part.to(model.device))
    z, *given = model.generator_inputs(condition, 0, rows + columns, options.seed, prior)
    labels = given[: len(condition.tensors())]
    styles = network.truncate(network.mapping(z, *labels), how.get("psi", 1.0))
    noise = None if how.get("fixed_noise") else given[-1][:1]  # one for all, so that styles alone differ
    cut = min(_COARSE, network.num_styles // 2)
    top = _images(network, styles[rows:], noise)
    lines = [torch.cat([torch.ones_like(top[:1]), top])]  # an empty corner
    for style in styles[:rows]:
        mixed = torch.cat([style[:cut].expand(columns, -1, -1), styles[rows:, cut:]], dim=1)
        lines.append(_images(network, torch.cat([style[None], mixed]), noise))
    output = Path(options.output)
    file = output if output.suffix == ".png" else output / "style_mixing.png"
    grid_picture(torch.cat(lines), columns + 1).save(file)
    print(f"{rows} x {columns} mixed styles in {file}")


def _images(network: Styled, styles: Tensor, noise: Tensor | None) -> Tensor:
    every = None if noise is None else noise.expand(len(styles), -1)
    return network.synthesis(styles, every).float().cpu()


def enlarged(image: Tensor) -> Tensor:
    """An image (C, H, W) with each pixel repeated, where it is small.

    Example:
        >>> enlarged(torch.zeros(3, 32, 32)).shape, enlarged(torch.zeros(3, 300, 300)).shape
        (torch.Size([3, 256, 256]), torch.Size([3, 300, 300]))
    """
    times = max(1, _SMALLEST_FRAME // max(image.shape[1:]))
    return image.repeat_interleave(times, 1).repeat_interleave(times, 2)


def styled_settings(model: LatentModel, options: SamplingOptions) -> dict[str, Any]:
    """What a styled generator is told: truncation of styles and noise.

    Raises:
        ConfigError: An option of styles, and the generator has none.
    """
    noise = "fixed" if options.noise == "fixed" else None
    asked: dict[str, Any] = {"--truncation_psi": options.truncation_psi, "--style_mixing": options.style_mixing}
    asked["--noise"] = noise
    for flag, value in asked.items():
        if value is not None and not is_styled(model.generator):
            hint = f"the generator of {type(model).__name__} has no styles; drop it"
            raise ConfigError(flag, value, hint + (", or take --truncation" if flag == "--truncation_psi" else ""))
    how: dict[str, Any] = {} if options.truncation_psi is None else {"psi": options.truncation_psi}
    return how | ({"fixed_noise": True} if options.noise == "fixed" else {})
