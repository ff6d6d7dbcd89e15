"""The plain commands: functions whose arguments are the command's. What does the work is imported when it is done."""

from collections.abc import Callable


def configs(name: str | None = None) -> None:
    """List the recipes that come with the package, or print one.

    Args:
        name: Of the recipe to print, such as ``wgan`` or ``data/mnist``; all are listed without it.
    """
    from lightning_gans.cli.recipes import description, recipe, recipes

    if name is not None:
        print(recipe(name, "name").read_text(), end="")
        return
    found = recipes()
    width = max(map(len, found))
    for each, file in found.items():
        print(f"{each:<{width}}  {description(file)}")
    print("\nlightning_gans fit --config NAME trains one; --config NAME --config data/DATA does so on other data.")


def sample(
    checkpoint: str,
    num: int = 64,
    seed: int = 0,
    output: str = "samples",
    raw: bool = False,
    labels: int | list[int] | None = None,
    truncation: float | None = None,
    interpolate: int | None = None,
    device: str | None = None,
) -> None:
    """Generate images from a checkpoint: one PNG each in ``images``, and ``grid.png`` of the first 64.

    Points are written to ``points.npy``, and those of the plane to ``scatter.png`` too.

    Args:
        checkpoint: A checkpoint that ``lightning_gans fit`` wrote.
        num: Number of images.
        seed: Selects them.
        output: Folder for the files.
        raw: The generator's raw weights instead of the averaged ones.
        labels: Class of all images, or a list that is gone through again and again. Conditional models only.
        truncation: Largest absolute value of a latent's entries: below 1 for typical images, None for all.
        interpolate: Images in a row from one random latent to another; num is a multiple of it.
        device: Such as cpu or cuda:1; by default the accelerator, where there is one.
    """
    from lightning_gans.cli.sampling import Wanted, write_samples

    write_samples(checkpoint, output, device, Wanted(num, seed, not raw, labels, truncation, interpolate))


def evaluate(
    real: str | None = None,
    fake: str | None = None,
    checkpoint: str | None = None,
    features: str | None = None,
    weights: str | None = None,
    download: bool = False,
    num_samples: int = 10_000,
    seed: int = 0,
    raw: bool = False,
    batch_size: int = 64,
    intervals: int = 0,
    output: str | None = None,
    baseline: str | None = None,
) -> None:
    """Measure images, or the samples of a checkpoint, against real images; print a table and write a JSON report.

    Args:
        real: A folder of images, a .npy or .npz file of uint8 images, or a data set by name (Digits).
        fake: The same for the images to be judged; or else give a checkpoint.
        checkpoint: A checkpoint that ``lightning_gans fit`` wrote, whose samples are judged.
        features: inception, digits, mnist, or a .safetensors file of ``lightning_gans train-features``. By default
            those of the named data set, and inception for all other images.
        weights: File with Inception's weights, torch-fidelity's weights-inception-2015-12-05-6726825d.pth.
        download: Whether Inception's weights may be downloaded.
        num_samples: Number of samples of a checkpoint.
        seed: Selects those samples.
        raw: The generator's raw weights instead of the averaged ones.
        batch_size: Images at a time.
        intervals: Number of half-samples for 95% intervals; 0 for none, 100 is plenty.
        output: JSON file for the report.
        baseline: An earlier report to compare with; refused where the protocols differ.
    """
    arguments = locals()
    from lightning_gans.cli import evaluating

    evaluating.evaluate(**arguments)


def train_features(
    data: str | None = None,
    output: str | None = None,
    name: str | None = None,
    seed: int = 0,
    epochs: int = 60,
    batch_size: int = 64,
) -> None:
    """Train a classifier on labeled images, for use as features; its test accuracy stands in the file.

    Args:
        data: A folder with one folder of images for each class, or a data set by name (Digits).
        output: The .safetensors file to write.
        name: Of the features in metrics (metrics/fid_<name>); the output file's by default.
        seed: Of weights, order and split.
        epochs: Passes over the training images.
        batch_size: Images a step.
    """
    arguments = locals()
    from lightning_gans.cli import evaluating

    evaluating.train_features(**arguments)


def completion(shell: str = "bash") -> None:
    """Print a script that completes commands, settings, recipes and classes; bash and zsh.

    Args:
        shell: bash or zsh.
    """
    from lightning_gans.cli.completing import script

    print(script(shell))


COMMANDS: dict[str, Callable[..., None]] = {
    "sample": sample,
    "evaluate": evaluate,
    "train-features": train_features,
    "configs": configs,
    "completion": completion,
}
"""By name."""
