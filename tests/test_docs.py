"""What the documentation names exists, what it shows runs, and the site builds without a warning."""

import builtins
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch
import numpy as np
import pytest
import torch
import yaml
from torch.utils.data import DataLoader

import lightning_gans
from lightning_gans import GAN
from lightning_gans.callbacks import MetricsCallback
from lightning_gans.cli import main
from lightning_gans.cli.renamed import CONFIGS, FLAGS
from lightning_gans.engine.renamed import ARGUMENTS, CLASSES, MODULES
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.regularizers import R1
from tests.data.files import save, write_mnist

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FIRST_READ = {"README.md"}
"""Pages whose commands are run by the test command; each kind of command of the others has tests of its own.

Models' pages: ``tests/models``. ``cli.md``: ``tests/cli``. ``metrics.md``, ``features.md``: ``tests/evaluation``.
``regularizers.md``: ``test_regularizers.py`` of ``tests/cli``; ``results.md``: ``test_data.py`` there.
``own_variant.md``: its Python is run here, and its model trained.
"""
PACKAGES = (
    "engine",
    "models",
    "networks",
    "text",
    "objectives",
    "regularizers",
    "augment",
    "data",
    "callbacks",
    "evaluation.metrics",
    "evaluation.features",
)
OTHERS = (
    "batch",
    "schedule",
    "images",
    "errors",
    "objectives.kernels",
    "evaluation.evaluator",
    "evaluation.report",
    "evaluation.sources",
    "evaluation.metrics.functional",
)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLASS = re.compile(r"[A-Z]+[a-z0-9]\w*[A-Z]\w*|[A-Z]{2,}[a-z]\w*|[A-Z]\w*(?=\()")  # CamelCase, or called
SHORT = {
    "--trainer.max_steps": "2",
    "--metrics.num_samples": "64",
    "--metrics.num_reference": "128",
    "--samples.num_samples": "8",
}
SMALL = (
    (
        {"dcgan", "lsgan", "wgan", "pix2pix", "gated_inpainter", "context_encoder"},
        {"--model.generator.base_channels": "8", "--model.discriminator.base_channels": "8"},
    ),
    ({"cyclegan"}, {"--model.generator.num_blocks": "1", "--model.source_generator.num_blocks": "1"}),
    ({"srgan", "esrgan"}, {"--model.generator.base_channels": "4", "--model.generator.num_blocks": "1"}),
    ({"srgan", "esrgan"}, {"--model.discriminator.base_channels": "4", "--model.content_share": "0.5"}),  # either phase
    ({"sagan", "biggan"}, {"--model.generator.base_channels": "2", "--model.discriminator.base_channels": "2"}),
    ({"DegradedImages", "MaskedImages", "Photographs"}, {"--data.image_size": "32"}),
    ({"gan_cls", "stackgan"}, {"--data.text_encoder": "tests.texts.BagOfWords", "--data.batch_size": "8"}),
)
"""Settings of which recipes, or data, make a run short."""
QUIET = {"--trainer.logger": "false", "--trainer.enable_progress_bar": "false", "--trainer.accelerator": "cpu"}

NOT_RUN = {
    "--weights FILE": "needs Inception's weights, which are not in the package; tests/evaluation runs it on made ones",
    "--strategy": "starts processes of its own; tests/engine/test_processes.py does",
    "srun": "needs a cluster",
    "checkpoint last.ckpt": "stands for that of a model with truncation; tests/evaluation/test_truncation.py has them",
    "all-mpnet-base-v2": "needs a download",
    "lightning_gans lab": "serves until Ctrl-C; tests/lab opens its pages",
}
"""Commands that are not run here, by a pattern in them, with the reason."""


def text_of(page):
    return page.read_text()


def blocks(page, *languages):
    return [text for language, text in FENCE.findall(text_of(page)) if language in languages]


def ids(page):
    return str(page.relative_to(ROOT))


def commands():
    """Every ``lightning_gans`` command of the docs once, with the length of training left out."""
    found = {}
    for page in sorted(PAGES, key=lambda page: ids(page) not in FIRST_READ):
        shown = blocks(page, "bash", "")
        inline = [" ".join(code.split()) for code in re.findall(r"(?<!`)`(lightning_gans \w[^`]*)`", text_of(page))]
        inline = [code for code in inline if code.split()[-1] != "..." and len(code.split()) > 2]  # no patterns
        for line in "\n".join([*shown, *inline]).replace("\\\n", " ").splitlines():
            for part in line.partition(" # ")[0].split("&&"):
                words = re.sub(r"configs/([\w/]+)\.yaml", r"\1", part.strip())
                words = re.sub(r"\s+--trainer\.max_steps \d+", "", words)
                if re.match(r"(?:\w+=\S+ )?lightning_gans \w", words):
                    found.setdefault(words, ids(page))
    return found


# Names.


def public_names():
    for name in (*PACKAGES, *OTHERS):
        module = importlib.import_module(f"lightning_gans.{name}")
        yield from vars(module)
    yield from vars(lightning_gans)
    for module in ("", ".callbacks", ".loggers", ".cli", ".utilities"):
        yield from dir(importlib.import_module(f"lightning.pytorch{module}"))
    for module in (torch, torch.nn, torch.optim, torch.optim.lr_scheduler, builtins):
        yield from dir(module)
    yield from ("DataLoader", "StatefulDataLoader")


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_a_page_names_exists(page):
    text = text_of(page)
    for path in sorted(set(re.findall(r"(?<![\w/-])lightning_gans(?:\.[A-Za-z_]\w*)+", text))):
        parts, found = path.split(".")[1:], lightning_gans
        for part in parts:
            name = f"{found.__name__}.{part}"
            known = hasattr(found, part)
            found = getattr(found, part) if known else importlib.import_module(name)
    known = set(public_names())
    defined = set(re.findall(r"^class (\w+)", text, re.MULTILINE))
    own = {"MyGAN", "MyGenerator", "MyData"}
    named = {m[0] for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) if (m := CLASS.match(code))}
    assert named <= known | defined | own, f"unknown: {sorted(named - known - defined - own)}"


def slug(title):
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower().strip()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} is not there"
        if anchor and file.suffix == ".md":
            assert anchor in [slug(title) for title in re.findall(r"^#+ (.*)$", text_of(file), re.MULTILINE)], target


def renamed_in_changelog():
    """Pairs of old and new words by section, as the changelog's table has them."""
    found = {}
    text = (ROOT / "CHANGELOG.md").read_text()
    for section, old, new in re.findall(r"^\| ([^|]+) \| ([^|]*`[^|]*) \| ([^|]+) \|$", text, re.MULTILINE):
        words, today = (re.findall(r"`([^`]+)`", cell) for cell in (old, new))
        if words == ["tricks"]:
            continue  # three in place of one
        for role in ("generator", "discriminator", "autoencoder", "encoder") if "*" in section else ("*",):
            pairs = [(word.replace("*", role), now.replace("*", role)) for word, now in zip(words, today, strict=True)]
            found.setdefault(re.sub(r"[`,].*", "", section.strip("`")).strip(), {}).update(pairs)
    return found


def test_changelog_tells_what_the_command_line_tells():
    found = renamed_in_changelog()
    assert {name: found.get(name) for name in ARGUMENTS} == ARGUMENTS
    assert found["flags of"] == FLAGS
    assert found["configs"] == CONFIGS
    moved = {old.removeprefix("lightning_gans."): new.removeprefix("lightning_gans.") for old, new in MODULES.items()}
    assert moved.items() <= found["modules"].items()
    names = {old.rpartition(".")[2]: new.rpartition(".")[2] for old, new in CLASSES.items()}
    assert {old: new for old, new in names.items() if old != new}.items() <= found["classes"].items()


# Python.


class ShortTrainer(lightning.pytorch.Trainer):
    """Two steps, whatever the page says, and nothing on the screen."""

    def __init__(self, **kwargs):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
        super().__init__(**{**kwargs, **quiet, "max_steps": 2})


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, without what other tests left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_project", raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    sys.modules.pop("my_project", None)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=ids)
def test_python_runs(page, place, monkeypatch):
    monkeypatch.setattr(lightning.pytorch, "Trainer", ShortTrainer)
    few = MetricsCallback.__init__
    monkeypatch.setattr(
        MetricsCallback, "__init__", lambda self, *args, **kwargs: few(self, *args, **{**kwargs, "num_samples": 64})
    )
    names = {}
    for block in blocks(page, "python"):
        if "\nclass " in block and not (place / "my_project.py").exists():
            (place / "my_project.py").write_text(block)  # "saved as my_project.py", says the tutorial
        exec(compile(textwrap.dedent(block), ids(page), "exec"), names)
    for kind in names.values():
        if isinstance(kind, type) and issubclass(kind, GAN) and kind.__module__ == "builtins":
            assert_trains_with_a_regularizer(kind)


def assert_trains_with_a_regularizer(kind):
    """A model that a page defines keeps R1, whichever way its losses are written."""
    penalties = []

    class Counted(R1):
        def penalty(self, *args):
            penalties.append(super().penalty(*args))
            return penalties[-1]

    networks = MLPGenerator(2, (2,), tanh_output=False), MLPDiscriminator((2,))
    ShortTrainer(enable_checkpointing=False).fit(
        kind(*networks, regularizers=[Counted()]), DataLoader(torch.randn(16, 2), batch_size=8)
    )
    assert len(penalties) == 2


# Commands.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all commands of the docs run: with images, MNIST's files (noise), a class of the user's, and a cache."""
    folder = tmp_path_factory.mktemp("docs")
    for index in range(96):
        save(folder / f"photos/{index % 2}/{index}.png", (40, 32), seed=index)
    for index in range(24):
        save(folder / f"paintings/{index}.png", (40, 32), seed=index)
        for part in ("train", "test"):
            save(folder / f"facades/{part}/{index}.png", (64, 32), seed=index)
            for domain in "AB":
                save(folder / f"horse2zebra/{part}{domain}/{index}.png", (32, 32), seed=index)
    for index in range(24):
        save(folder / f"captioned/{index}.png", (32, 32), seed=index)
        (folder / f"captioned/{index}.txt").write_text(f"picture {index}\n")
    for index in range(40):  # two classes
        for part in ("train", "test", "automobile"):
            save(folder / f"{part}/{index % 2}/{index}.png", (32, 32), seed=index)
    save(folder / "face.png", (32, 32))
    (folder / "game.yaml").write_text((ROOT / "configs/gan.yaml").read_text())
    (folder / "sentences.txt").write_text("a red circle\na blue square\n")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 8, 8), dtype=np.uint8)
    np.save(folder / "samples.npy", pixels)
    write_mnist(folder / "data", count=200)
    for name in ("examples", "benchmarks", "configs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "my_project.py").write_text(blocks(ROOT / "docs/tutorial.md", "python")[0])
    (folder / "ragan.py").write_text(blocks(ROOT / "docs/own_variant.md", "python")[0])
    return folder


@pytest.fixture
def run(folder, monkeypatch, capfd, loaded_once):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "argv", ["lightning_gans"])
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(folder / "cache"))

    def called(words):
        code = 0
        try:
            main(words)
        except SystemExit as leaving:
            code = leaving.code or 0
        return SimpleNamespace(code=code, err=capfd.readouterr().err)

    return called


def shortened(words):
    """Two steps, few samples and small networks, where the command does not choose something itself."""
    given = [word.split("=")[0] for word in words]
    extra = {}
    if words[0] in ("fit", "validate", "test") and not any(word.endswith("help") for word in words):
        extra = {**(SHORT if words[0] == "fit" else {"--metrics.num_samples": "64"}), **QUIET}
        if any(flag.startswith("--trainer.logger") for flag in given):
            del extra["--trainer.logger"]
        if {"--data", "data/image_folder"} & set(given):  # without features there is nothing to measure
            extra = {flag: value for flag, value in extra.items() if not flag.startswith("--metrics.")}
        if "--ckpt_path" not in given:
            extra |= {flag: value for recipes, small in SMALL if recipes & set(given) for flag, value in small.items()}
        if any(flag.endswith(".hidden_dims") for flag in given):  # of networks without channels
            extra = {flag: value for flag, value in extra.items() if not flag.endswith(".base_channels")}
        if "protocols/stacked_mnist" in given:
            extra["--metrics.every_n_steps"] = "0"  # features of 10,000 real images
    fewer = {
        "sample": {"--num_samples": "16"},
        "evaluate": {"--num_samples": "64"} if "--checkpoint" in given else {},
        "train-features": {"--epochs": "1"},
    }
    for flag, value in fewer.get(words[0], {}).items():
        words = [*words, flag, value]  # the last one counts
    return [*words, *(part for flag, value in extra.items() if flag not in given for part in (flag, value))]


def recipe_of(kind):
    """The recipe whose runs are in ``runs/<kind>``: that of a model's class, in small letters."""
    configs = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "configs").glob("*.yaml")}
    return next(name for name, c in configs.items() if c["model"]["class_path"].lower().endswith(f".{kind}"))


def plain(run, kind):
    """The folder of a short run of a recipe as it comes, which pages call ``runs/<kind>/...``."""
    path = Path("runs", kind, "plain")
    if not path.exists():
        fit = shortened(["fit", "--config", recipe_of(kind), "--metrics.every_n_steps", "0"])
        assert run([*fit, "--trainer.default_root_dir", str(path)]).code == 0
        shutil.copy(path / "checkpoints/last.ckpt", path / "checkpoints/best.ckpt")  # which needs no metrics so
    os.utime(path / "checkpoints/last.ckpt")  # "last" is the newest
    return str(path)


SLOW = {
    "--data Photographs": "scores photographs as they are; tests/data builds them",
    "srgan --data DegradedImages --data.root photos --data.": "the same with degradations, which tests/data draws",
    "--trainer.logger": "tests/cli/test_run.py",
    "/config.yaml": "tests/cli/test_run.py",
    "SentenceEncoder": "tests/text",
}
"""Commands of these pages that are slow all the same, by a part of them, with the reason."""

RECIPES = "|".join(path.stem for path in (ROOT / "configs").glob("*.yaml"))
CHOICE = re.compile(
    rf"(?<=--config )(?:{RECIPES})\b|(?<=runs/)\w+|(?<=data/)(?:ring|grid)|\b\d+\b|(?<=--output )[\w-]+"
)


def cases():
    """The commands of all pages; slow are those of pages not read first, and what differs in a number or name alone."""
    found = set()
    for command, page in commands().items():
        kind = CHOICE.sub("*", command)
        slow = kind in found or page not in FIRST_READ or any(part in command for part in SLOW)
        yield pytest.param(command, page, marks=[pytest.mark.slow] if slow else [])
        found |= set() if slow else {kind}


@pytest.mark.parametrize(("command", "page"), cases())
def test_command_runs(command, page, run):
    for part, reason in NOT_RUN.items():
        if re.search(part, command):
            pytest.skip(reason)
    filled = re.sub(r"runs/(\w+)/\.\.\.", lambda match: plain(run, match[1]), command)
    if "CHECKPOINT" in filled:  # one of the page's model
        kind = yaml.safe_load((ROOT / f"configs/{Path(page).stem}.yaml").read_text())["model"]["class_path"]
        filled = filled.replace("CHECKPOINT", f"{plain(run, kind.rpartition('.')[2].lower())}/checkpoints/last.ckpt")
    for word, meant in {"DIR": "photos", "IMAGES": "train", "--mask FILE": "--mask face.png"}.items():
        filled = re.sub(rf"(?<!\w){word}\b", meant, filled)
    words = shlex.split(re.sub(r"^\w+=\S+ ", "", filled))[1:]
    if "last" in words:
        plain(run, words[words.index("--config") + 1])  # whose class has its name
    done = run(shortened(words))
    assert done.code == 0, f"{page}: {' '.join(words)}\n{done.err}"


def test_scripts_that_pages_name_exist():
    for page in PAGES:
        for script in re.findall(r"python ((?:examples|benchmarks)/\w+\.py)", text_of(page)):
            assert (ROOT / script).is_file(), f"{ids(page)}: {script}"


# The site.


@pytest.mark.slow  # a quarter of a minute; .ci/run calls it
def test_site_builds_without_a_warning(tmp_path):
    program = Path(sysconfig.get_path("scripts"), "mkdocs")
    command = [
        str(program),
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path),
    ]  # --quiet would hide warnings from --strict
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "tutorial.html", "models/wgan.html", "api/models.html"} <= pages.keys()
    for name, html in pages.items():
        fetched = re.findall(r"<(?:script|img|link)\b[^>]*(?:src|href)=\"?https?://[^>]*", html)
        assert not fetched, f"{name} fetches {fetched}"
        assert not re.search(r"\.\. math::|:(?:class|func|meth|mod):`|@@|&gt;&gt;&gt; [^<]*</p>", html), name
    assert "lightning_gans.networks.DCGANGenerator" in pages["api/models.html"], "names are not linked"
