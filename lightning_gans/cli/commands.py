"""The plain commands: the options of each, and where its work is done. That is imported when it is to be done."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lightning_gans.errors import ConfigError


@dataclass(frozen=True)
class ConfigsOptions:
    """List the configs that come with the package, or print one.

    Args:
        name: Of the config to print, such as ``wgan`` or ``data/mnist``; all are listed without it.
    """

    name: str | None = None


@dataclass(frozen=True)
class CompletionOptions:
    """Print a script that completes commands, settings, configs and classes; bash and zsh.

    Args:
        shell: bash or zsh.
    """

    shell: str = "bash"

    def __post_init__(self) -> None:
        if self.shell not in ("bash", "zsh"):
            raise ConfigError("shell", self.shell, "choose bash or zsh")


def is_sample_file(output: str) -> bool:
    """Whether samples are written into one file, and not into a folder."""
    return Path(output).suffix in (".npz", ".npy", ".png", ".gif")


@dataclass(frozen=True)
class SamplingOptions:
    """Generate images from a checkpoint: one PNG each in ``images``, and ``grid.png`` of the first 64.

    Points are written to ``points.npy``, and those of the plane to ``scatter.png`` too.

    Args:
        checkpoint: A checkpoint that ``lightning_gans fit`` wrote.
        num_samples: Number of images.
        seed: Selects them.
        output: Folder for the files; or one file of all: .npz with the array ``images``, uint8 (N, H, W, C), and the
            ``labels`` or ``captions`` of a conditional model; .npy with that array alone; .png with a grid, or the
            scatter of points; .gif with a walk from latent to latent and back, ``interpolate`` frames from each to the
            next, 16 by default.
        no_ema: The generator's raw weights instead of the averaged ones.
        labels: Class of all images, or a list that is gone through again and again. Conditional models only.
        text: Sentence for all images, a list, or a .txt file of sentences, a line each; gone through again and again.
            Models that are given sentences only; captions of their training where none is given.
        truncation: Largest absolute value of a latent's entries: below 1 for typical images, None for all.
        truncation_psi: How far styles go from their mean: below 1 for typical images, 0 for the mean alone. Models with
            styles only, as the two options that follow.
        style_mixing: Rows and columns of a table of mixed styles, instead of samples: --style_mixing 4 6.
        noise: random, a function of seed and sample, or fixed, the one that the network keeps.
        interpolate: Images in a row from one random latent to another, or from one sentence to the next where two or
            more are given; num_samples is a multiple of it.
        device: Such as cpu or cuda:1; by default the accelerator, where there is one.
    """

    checkpoint: str
    num_samples: int = 64
    seed: int = 0
    output: str = "samples"
    no_ema: bool = False
    labels: int | list[int] | None = None
    text: str | list[str] | None = None
    truncation: float | None = None
    truncation_psi: float | None = None
    style_mixing: tuple[int, int] | None = None
    noise: Literal["random", "fixed"] = "random"
    interpolate: int | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise ConfigError("--num_samples", self.num_samples, "must be 1 or more")
        if Path(self.output).suffix[1:2].isalpha() and not (is_sample_file(self.output) or Path(self.output).is_dir()):
            raise ConfigError("--output", self.output, "is no folder; one file ends in .npz, .npy, .png or .gif")
        if self.style_mixing is not None and min(self.style_mixing) < 1:
            raise ConfigError("--style_mixing", self.style_mixing, "rows and columns: two numbers, 1 or more")
        if self.style_mixing is not None and self.output.endswith((".npz", ".npy", ".gif")):
            raise ConfigError("--output", self.output, "mixed styles are one picture: a .png file, or a folder")
        if self.text == []:
            raise ConfigError("--text", "[]", "give a sentence or more, or leave it out")
        if self.labels == []:
            raise ConfigError("--labels", [], "name at least one class")
        if self.truncation is not None and not self.truncation > 0:
            raise ConfigError("--truncation", self.truncation, "must be positive (in standard deviations)")
        row = self.interpolate
        if row is not None and row < 2:
            raise ConfigError("--interpolate", row, "a row needs its two ends: 2 or more")
        if row is not None and self.num_samples % row and not self.output.endswith(".gif"):
            near = f"{self.num_samples // row * row} or " if self.num_samples > row else ""
            hint = f"rows of {row} images are asked for; choose {near}{(self.num_samples // row + 1) * row}"
            raise ConfigError("--num_samples", self.num_samples, hint)


@dataclass(frozen=True)
class TranslatingOptions:
    """Translate an image, or all images below a folder, into PNG files of the same names; ``grid.png`` shows the first.

    Images are read in color or in gray, as the model takes them, whatever they are themselves. What is enlarged or
    completed stays gray where it was, and keeps opacity and color profile.

    Args:
        checkpoint: A checkpoint of a model that translates images.
        images: An image, or a folder.
        output: Folder for the translated images.
        direction: AtoB, or BtoA of a model that has learned both, as CycleGAN.
        stochastic: With dropout and batch norm of the image itself, as pix2pix's authors had it, instead of eval mode.
        seed: Selects that noise; an image gets the same alone and in a folder.
        tile: Side of what is enlarged at once, in pixels of the image, by default 128; 0 for the whole image.
        overlap: Pixels around a tile that the model is shown beside it; by default as many as matter to it.
        interpolation: From the weights of the phase of content, 0, to those of the game, 1, as ESRGAN keeps both.
        mask: What is to be completed: center, the middle half of both sides; alpha, what is transparent; or what is
            white in an image, one for all, or in a folder of one for each, of the same names.
        no_ema: The raw weights instead of the averaged ones.
        device: Such as cpu or cuda:1; by default the accelerator, where there is one.
    """

    checkpoint: str
    images: str
    output: str = "translations"
    direction: str = "AtoB"
    stochastic: bool = False
    seed: int = 0
    tile: int | None = None
    overlap: int | None = None
    interpolation: float | None = None
    mask: str | None = None
    no_ema: bool = False
    device: str | None = None

    def __post_init__(self) -> None:
        if self.direction not in ("AtoB", "BtoA"):
            raise ConfigError("--direction", self.direction, "choose AtoB or BtoA")
        if self.tile is not None and self.tile < 0:
            raise ConfigError("--tile", self.tile, "is a side in pixels, or 0 for the whole image")
        if self.overlap is not None and self.overlap < 0:
            raise ConfigError("--overlap", self.overlap, "must be 0 or more")


@dataclass(frozen=True)
class ProjectionOptions:
    """Find an image in the latent space of a styled generator: the picture that it makes, and its latents.

    The folder gets ``projection.png``, ``beside.png`` with the image and the picture, ``progress.png`` with those on
    the way, and ``latents.safetensors`` with ``styles`` (L, W) and ``noise`` (P).

    Args:
        checkpoint: A checkpoint of a model with styles, such as StyleGAN2.
        image: The image; of another shape, its middle, resized.
        output: Folder for the files.
        space: w, one style for all layers; or w+, one for each, nearer to the image and further from what was learned.
        steps: Of the search.
        features: What images are compared by: cifar10, random, or a .safetensors file of ``lightning_gans
            train-features``; or vgg19, with weights.
        weights: File with torchvision's vgg19.
        label: Class to start from. Conditional models only.
        seed: Of what is drawn.
        no_ema: The generator's raw weights instead of the averaged ones.
        device: Such as cpu or cuda:1; by default the accelerator, where there is one.
    """

    checkpoint: str
    image: str
    output: str = "projection"
    space: str = "w"
    steps: int = 1000
    features: str = "cifar10"
    weights: str | None = None
    label: int | None = None
    seed: int = 0
    no_ema: bool = False
    device: str | None = None

    def __post_init__(self) -> None:
        if self.space not in ("w", "w+"):
            raise ConfigError("--space", self.space, "choose w or w+")
        if self.steps < 1:
            raise ConfigError("--steps", self.steps, "must be 1 or more")
        if (self.features == "vgg19") != (self.weights is not None):
            raise ConfigError("--weights", self.weights, "belongs to --features vgg19, which needs a file")


@dataclass(frozen=True)
class EvaluationOptions:
    """Measure images, or the samples of a checkpoint, against real images; print a table and write a JSON report.

    Args:
        real: A folder of images, a .npy or .npz file of uint8 images, or a data set by name (Digits).
        fake: The same for the images to be measured; or else give a checkpoint.
        checkpoint: A checkpoint that ``lightning_gans fit`` wrote, whose samples are measured.
        features: inception, digits, mnist, cifar10, random (the last two for any images, without a download), or a
            .safetensors file of ``lightning_gans train-features``. By default those of the named data set, and
            inception for other images.
        weights: File with Inception's weights, torch-fidelity's weights-inception-2015-12-05-6726825d.pth.
        download: Whether Inception's weights may be downloaded.
        num_samples: Number of samples of a checkpoint.
        seed: Selects those samples.
        no_ema: The generator's raw weights instead of the averaged ones.
        batch_size: Images at a time.
        intervals: Number of half-samples for 95% intervals; 0 for none, 100 is plenty.
        subset_size: Real images, of more, that neighbors and MMD are taken of; null for all. FID is of all.
        p_values: Whether it is tested that images and real ones have one distribution: by MMD, by neighbors, and
            by a classifier that is trained to tell them.
        nearest: A .png file: samples beside the training images that they are nearest to, and of each figure how near.
        held_out: Images that were held out, for comparison, as of real; by default those of the named data set.
        output: JSON file for the report.
        baseline: An earlier report to compare with; refused where it was measured otherwise.
        path_length: Of a checkpoint: so many paths between latents, and between styles, for the perceptual path length;
            0 for none.
        truncation_curve: Of a checkpoint: precision, recall, spread and FID over psi, the truncation of styles, or over
            bound, that of the prior; with output also a figure beside it, of the same name as .png.
        truncation_values: Of psi, or the bounds; null for the whole prior.
    """

    real: str | None = None
    fake: str | None = None
    checkpoint: str | None = None
    features: str | None = None
    weights: str | None = None
    download: bool = False
    num_samples: int = 10_000
    seed: int = 0
    no_ema: bool = False
    batch_size: int = 64
    intervals: int = 0
    subset_size: int | None = 10_000
    p_values: bool = False
    nearest: str | None = None
    held_out: str | None = None
    output: str | None = None
    baseline: str | None = None
    path_length: int = 0
    truncation_curve: str | None = None
    truncation_values: list[float | None] | None = None

    def __post_init__(self) -> None:
        if self.real is None:
            raise ConfigError("--real", None, "name a folder, a .npy or .npz file, or a data set such as Digits")
        if (self.fake is None) == (self.checkpoint is None):
            raise ConfigError("--fake", self.fake, "give either --fake or --checkpoint")
        limits = {"num_samples": 2, "batch_size": 1, "intervals": 0, "subset_size": 20, "path_length": 0}
        for name, least in limits.items():
            if (value := getattr(self, name)) is not None and value < least:
                raise ConfigError(f"--{name}", value, f"must be {least} or more")
        if self.intervals == 1:
            raise ConfigError("--intervals", 1, "a spread needs 2 or more; 0 for none")
        if self.nearest is not None and not self.nearest.endswith(".png"):
            raise ConfigError("--nearest", self.nearest, "is a picture: name a .png file")
        if self.held_out is not None and self.nearest is None:
            raise ConfigError("--held_out", self.held_out, "held out of what? give --nearest too")
        if self.path_length and (self.checkpoint is None or self.truncation_curve is not None):
            hint = "is of a --checkpoint" + ("" if self.checkpoint is None else ", and of no curve")
            raise ConfigError("--path_length", self.path_length, hint)
        if self.truncation_curve is None:
            if self.truncation_values is not None:
                raise ConfigError("--truncation_values", self.truncation_values, "of what? give --truncation_curve")
            return
        if self.truncation_curve not in ("psi", "bound"):
            raise ConfigError("--truncation_curve", self.truncation_curve, "choose psi or bound")
        beside = {"--baseline": self.baseline, "--nearest": self.nearest}
        unfit = [name for name, given in beside.items() if given is not None]
        if self.checkpoint is None or unfit:
            hint = "is of a --checkpoint, and of nothing else" if self.checkpoint is None else f"has no {unfit[0]}"
            raise ConfigError("--truncation_curve", self.truncation_curve, hint)
        if self.truncation_values == []:
            raise ConfigError("--truncation_values", [], "name at least one value")
        for value in self.truncation_values or ():
            if value is None and self.truncation_curve == "psi":
                raise ConfigError("--truncation_values", "null", "of psi, 1 is no truncation")
            if value is not None and self.truncation_curve == "bound" and not value > 0:
                raise ConfigError("--truncation_values", value, "a bound must be positive")


@dataclass(frozen=True)
class FeatureTrainingOptions:
    """Train a classifier on labeled images, for use as features; its test accuracy stands in the file.

    Args:
        data: A folder with one folder of images for each class, or a data set by name (Digits).
        output: The .safetensors file to write.
        name: Of the features in metrics (metrics/fid_<name>); the output file's by default.
        seed: Of weights, order and split.
        epochs: Passes over the training images.
        batch_size: Images a step.
    """

    data: str | None = None
    output: str | None = None
    name: str | None = None
    seed: int = 0
    epochs: int = 60
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name in ("data", "output"):
            if getattr(self, name) is None:
                raise ConfigError(f"--{name}", None, "train-features needs --data and --output")
        if self.epochs < 1:
            raise ConfigError("--epochs", self.epochs, "must be 1 or more")


@dataclass(frozen=True)
class LabOptions:
    """Open the lab, where games are watched and played in a browser, on this machine; Ctrl-C ends it.

    Args:
        port: Of the pages, http://127.0.0.1:8080 by default.
        host: Address that is listened on; another than this machine's own lets others in who have the token.
        token: What a visitor must know; made up and printed where the host is not this machine, None for none there.
        show: Whether the browser is opened.
        checkpoints: A folder, or a list, with checkpoints to start from; those below are offered, and no others.
        trainings: How many games train at once.
    """

    port: int = 8080
    host: str = "127.0.0.1"
    token: str | None = None
    show: bool = True
    checkpoints: str | list[str] | None = None
    trainings: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ConfigError("--port", self.port, "a port is a number from 1 to 65535")
        if self.token is not None and not re.fullmatch(r"[\w-]{8,}", self.token, re.ASCII):
            raise ConfigError("--token", self.token, "8 or more letters, digits, - and _; or leave it out")
        if self.trainings < 1:
            raise ConfigError("--trainings", self.trainings, "must be 1 or more")
        for folder in self.checkpoint_folders:
            if not folder.is_dir():
                raise ConfigError("--checkpoints", str(folder), "there is no such folder")

    @property
    def checkpoint_folders(self) -> list[Path]:
        """Those that were named."""
        given = self.checkpoints or []
        return [Path(folder) for folder in ([given] if isinstance(given, str) else given)]


class Command(NamedTuple):
    """A plain command."""

    options: type[Any]
    """What it takes; the first line of its docstring says what the command does."""
    function: str
    """What does the work, as ``module:function`` of this room, or of another by its full path; takes the options."""

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.options.__doc__ or "").strip().partition("\n")[0]


COMMANDS = {
    "sample": Command(SamplingOptions, "sampling:write_samples"),
    "translate": Command(TranslatingOptions, "translating:write_translations"),
    "project": Command(ProjectionOptions, "projecting:write_projection"),
    "evaluate": Command(EvaluationOptions, "evaluating:evaluate"),
    "train-features": Command(FeatureTrainingOptions, "evaluating:train_features"),
    "lab": Command(LabOptions, "lightning_gans.lab.serving:serve"),
    "configs": Command(ConfigsOptions, "configs:print_configs"),
    "completion": Command(CompletionOptions, "completing:print_script"),
}
"""By name."""
