"""What a model makes of what one draws, opens or writes: the work of the process that holds a checkpoint."""

import contextlib
import io
import json
from collections.abc import Callable
from importlib.resources import as_file, files
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from lightning_gans.batch import Condition
from lightning_gans.cli.runs import as_picture, load_model
from lightning_gans.data.emoji_images import load_emoji, rows_of
from lightning_gans.engine import Game, LatentModel, Translator, is_styled
from lightning_gans.engine.protocols import is_class_conditional, is_text_conditional
from lightning_gans.errors import ConfigError
from lightning_gans.figures.grids import grid_picture
from lightning_gans.images import from_uint8
from lightning_gans.lab.checkpoints import MOST_BYTES, MOST_PIXELS, OUTLINES, Abilities
from lightning_gans.networks import UNet

_HEADER = "lightning_gans.translator"
_UNKNOWN_SIDE = 64  # of sources, where a checkpoint does not say


def run(connection: Connection, checkpoint: str) -> None:
    """The process: ``hold`` on one thread, which is fast enough, and fastest where games train beside it."""
    torch.set_num_threads(1)
    hold(connection, checkpoint)


def hold(connection: Connection, checkpoint: str) -> None:
    """Load a model, say what it can do, and answer requests until nobody asks any more."""
    try:
        model = load_outlines() if checkpoint == OUTLINES else load_model(checkpoint, None)
        connection.send(abilities(model))
    except ConfigError as error:
        connection.send(error)
        return
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # nobody asks any more
        while True:
            kind, what = connection.recv()
            try:
                answer: bytes | ConfigError = _WORK[kind](model, **what)
            except ConfigError as error:
                answer = error
            connection.send(answer)


def abilities(model: Game) -> Abilities:
    """What a model can be asked for.

    Raises:
        ConfigError: It makes no images.
    """
    name = type(model).__name__
    if isinstance(model, Translator):
        shape = model.source_shape or (3, _UNKNOWN_SIDE, _UNKNOWN_SIDE)
        sources = {way: (model.channels_of(way) or 3, shape[1], shape[2]) for way in model.directions}
        return Abilities(name, sources, model.scale, completes="mask" in model.given)
    if not isinstance(model, LatentModel) or model.generate(model.sample_condition(0, 1, 0), n=1).ndim != 4:
        raise ConfigError("checkpoint", name, "makes no images; choose another")
    return Abilities(
        name,
        classes=model.num_classes if is_class_conditional(model) else None,
        text=is_text_conditional(model),
        styles=model.generator.num_styles if is_styled(model.generator) else None,
    )


def translate(
    model: Translator, image: bytes, mask: bytes | None = None, direction: str = "AtoB", seed: int = 0
) -> bytes:
    """What becomes of an image, and of its holes where the mask is white; all of them PNG files.

    Raises:
        ConfigError: A file is no PNG, or too large; or the model cannot do it.
    """
    channels = model.channels_of(direction) or 3
    source = from_uint8(_pixels(image, channels))[None]
    holes = None if mask is None else (_pixels(mask, 1)[None] > 127).float()
    made = model.generate(Condition(source=source, mask=holes), n=1, seed=seed, direction=direction)
    return _png(as_picture(made[0]))


def sample(
    model: LatentModel,
    *,
    n: int = 8,
    seed: int = 0,
    label: int | None = None,
    text: str | None = None,
    bound: float | None = None,
    psi: float = 1.0,
    mixing: int | None = None,
) -> bytes:
    """A picture of samples, PNG.

    Args:
        model: Any that generates images from latents.
        n: How many.
        seed: Selects them.
        label: Class of all; drawn where the model knows classes and none is named.
        text: Sentence for all; a known one each where the model is given sentences and there is none.
        bound: On the latents; see ``LatentModel.generate``.
        psi: How far styles go from their mean, of models with styles.
        mixing: So many of the first layers' styles are those of the first row's images, the others those of the
            second's; the third row shows what comes out.

    Raises:
        ConfigError: The model cannot do it.
    """
    given = _condition(model, 2 * n, seed, label, text)
    if mixing is None:
        how: dict[str, Any] = {"psi": psi} if is_styled(model.generator) else {}
        first = given.map(lambda part: part[:n])
        return _png(grid_picture(model.generate(first, n=n, seed=seed, truncation=bound, **how).cpu(), n))
    return _png(grid_picture(_mixed(model, given, n, seed, psi, mixing), n))


def example(model: Game, seed: int = 0, *, outline: bool = False) -> bytes:
    """An emoji that no training has seen, PNG: in color, or the outline."""
    images, records = load_emoji("outline" if outline else "openmoji")
    rows = rows_of(records, "test")
    return _png(to_pil_image(images[rows[seed % len(rows)]]))


def load_outlines() -> Translator:
    """The translator that comes with the package: from outlines to emoji, trained by ``scripts/train_outlines.py``."""
    with as_file(files(__package__) / "assets" / "outlines.safetensors") as path:
        return load_translator(path)


def save_translator(model: Translator, path: Path, settings: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write a translator's U-Net to one safetensors file: weights in half precision, statistics of norms as they are.

    Settings are the arguments of ``UNet``, facts whatever else JSON holds.
    """
    state = {name: value.half() if value.ndim > 1 else value for name, value in model.generator.state_dict().items()}
    header = json.dumps({"generator": settings, **facts}, sort_keys=True)
    path.write_bytes(save({name: value.contiguous() for name, value in state.items()}, metadata={_HEADER: header}))


def load_translator(path: Path) -> Translator:
    """The translator in a file of ``save_translator``, to translate with."""
    with safe_open(path, framework="pt") as file:
        settings = json.loads(file.metadata()[_HEADER])["generator"]
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    with torch.random.fork_rng(devices=[]):  # the initial weights are drawn, then overwritten
        generator = UNet(**settings)
    generator.load_state_dict(state)  # in full precision again
    return Translator(generator, source_shape=settings["source_shape"])


@torch.no_grad()
def _mixed(model: LatentModel, given: Condition, n: int, seed: int, psi: float, cut: int) -> Tensor:
    """Images (3n, C, H, W): n, n others, and n with the coarse styles of the ones and the fine styles of the others."""
    network = model.inference_network("generator", ema=True).eval()
    if not is_styled(network):
        raise ConfigError("mixing", cut, f"{type(model).__name__} has no styles")
    given = given.map(lambda part: part.to(model.device))
    z, *rest = model.generator_inputs(given, 0, 2 * n, seed)
    styles = network.truncate(network.mapping(z, *rest[: len(given.tensors())]), psi)  # (2n, L, W)
    mixed = torch.cat([styles[:n, :cut], styles[n:, cut:]], dim=1)
    noise = rest[-1][:1].expand(3 * n, -1)  # one for all, so that styles alone differ
    images: Tensor = network.synthesis(torch.cat([styles, mixed]), noise)
    return images.float().cpu()


def _condition(model: LatentModel, n: int, seed: int, label: int | None, text: str | None) -> Condition:
    if text is not None and is_text_conditional(model):
        return Condition(text=model.embed([text]).expand(n, -1))
    if label is not None:
        return Condition(label=torch.full((n,), label))
    return model.sample_condition(0, n, seed)


def _pixels(file: bytes, channels: int) -> Tensor:
    """The pixels of a PNG file, uint8 (C, H, W)."""
    if len(file) > MOST_BYTES:
        raise ConfigError("image", f"{len(file)} bytes", f"is larger than {MOST_BYTES}; choose a smaller one")
    try:
        image = Image.open(io.BytesIO(file), formats=["PNG"])
        if image.width * image.height > MOST_PIXELS:  # before anything is decoded
            raise ConfigError("image", f"{image.width} x {image.height}", f"has more than {MOST_PIXELS} pixels")
        pixels: Tensor = pil_to_tensor(image.convert("L" if channels == 1 else "RGB"))
        return pixels
    except ConfigError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # as Pillow has it for its chunks
        raise ConfigError("image", f"{len(file)} bytes", "is no PNG file, or a damaged one") from error


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


_WORK: dict[str, Callable[..., bytes]] = {"translate": translate, "sample": sample, "example": example}
