"""What a run leaves behind, and what can be done with it."""

import re
import shutil

import pytest
import torch
import wandb
import yaml
from PIL import Image

from lightning_gans import WGAN
from tests.cli import wandb_file
from tests.cli.conftest import QUIET, TINY

PROMISED = {
    "loss/discriminator",
    "loss/generator",
    "wasserstein",
    "logits/real",
    "logits/fake",
    "accuracy/discriminator",
    "grad_norm/discriminator",
    "grad_norm/generator",
    "lr/discriminator",
    "lr/generator",
    "metrics/fid_digits",
    "metrics/is_digits",
    "metrics/marginal_entropy_digits",
    "metrics/conditional_entropy_digits",
    "metrics/kid_digits",
    "metrics/precision_digits",
    "metrics/recall_digits",
    "metrics/density_digits",
    "metrics/coverage_digits",
    "metrics/one_nn_accuracy_digits",
    "metrics/variance_ratio_digits",
    "metrics/num_classes_covered_digits",
    "images_per_second",
    "samples/grid",
    "epoch",
    "trainer/global_step",
}
"""Every key that the documentation promises in W&B, for ``configs/wgan.yaml``."""


@pytest.fixture(scope="module")
def logged(run):
    (file,) = run.path.glob("wandb/offline-run-*/*.wandb")
    return wandb_file.read(file)


def fid_in(text):
    """FID in the table that ``validate`` and ``test`` print."""
    return float(re.search(r"fid_digits\W+([\d.e+-]+)", text)[1])


def steps(path):
    return torch.load(path, weights_only=True)["global_step"]


def test_stops_after_max_steps_batches(run, logged):
    content = torch.load(run.last, weights_only=True)
    assert (content["global_step"], content["lightning_gans"]["step"]) == (150, 150)
    assert content["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["processed"] == 150
    assert max(logged.series("trainer/global_step")) == 150


def test_wandb_holds_every_promised_key(logged):
    assert logged.keys() >= PROMISED
    unpromised = {key for key in logged.keys() - PROMISED if not key.startswith("_")}
    assert not unpromised, "add these to PROMISED and to the documentation"


def test_wandb_points_of_one_moment_stand_at_one_step(logged):
    at = {key: [row["trainer/global_step"] for row in logged.rows if key in row] for key in PROMISED}
    assert at["loss/discriminator"] == [50, 100, 150]
    assert at["metrics/fid_digits"] == [0, 60, 120, 150]
    assert at["samples/grid"] == [150]


def test_wandb_summaries_keep_the_best(logged):
    assert logged.summaries["metrics/fid_digits"].min
    assert logged.summaries["metrics/recall_digits"].max


def test_wandb_holds_configuration_and_pictures(run, logged):
    assert logged.config["config"]["model"]["init_args"]["optimization"]["n_critic"] == 2
    assert logged.config["provenance_digits"]["real"]["count"] == 128
    assert not {"_instantiator", "generator"} & logged.config.keys(), "once"
    (picture,) = logged.series("samples/grid")
    (wandb_folder,) = run.path.glob("wandb/offline-run-*")
    for name in picture["filenames"]:
        with Image.open(wandb_folder / "files" / name) as opened:
            assert opened.size[0] > 32


def test_screen_says_what_and_where(run):
    assert "Traceback" not in run.err
    assert run.err == "", "nothing on stderr unless something is wrong"
    for expected in (
        "WGAN on cpu",
        "fid_digits",
        "floor",
        "best checkpoint",
        "last checkpoint",
        "samples",
        "wandb sync",
    ):
        assert expected in run.out, expected
    for shown in ("discriminator=", "generator=", "images/s="):
        assert shown in run.out, "the bar"
    for path in re.findall(r"(?:checkpoint|samples|wandb sync)\s+(runs/\S+)", run.out):
        assert (run.cwd / path).exists(), path


def test_validate_and_test_repeat_the_last_value_of_fit(run, logged, command):
    before = {path: path.stat().st_mtime for path in run.path.rglob("*")}
    expected = logged.series("metrics/fid_digits")[-1]
    for name in ("validate", "test"):
        done = command(name, *TINY, *QUIET, "--ckpt_path", run.last)
        assert (done.code, done.err) == (0, "")
        assert fid_in(done.out) == pytest.approx(expected, rel=1e-3)
    assert {path: path.stat().st_mtime for path in run.path.rglob("*")} == before, "the run is left as it was"


def test_best_checkpoint_holds_the_weights_that_scored_best(run, logged, command):
    best = min(logged.series("metrics/fid_digits")[1:])
    done = command("validate", *TINY, *QUIET, "--ckpt_path", run.best)
    assert fid_in(done.out) == pytest.approx(best, rel=1e-3)


def test_a_run_resumes_in_its_folder_and_wandb_run(run, logged, command, tmp_path):
    shutil.copytree(run.cwd / "runs", tmp_path / "runs")
    done = command("fit", *TINY, "--trainer.max_steps", "170", "--ckpt_path", "last")
    wandb.finish()  # as at the end of a process
    assert done.code == 0, done.err
    (folder,) = tmp_path.glob("runs/wgan/*")
    assert steps(folder / "checkpoints/last.ckpt") == 170
    found = [wandb_file.read(file) for file in folder.glob("wandb/offline-run-*/*.wandb")]
    assert [one.id for one in found] == [logged.id, logged.id]
    assert max(max(one.series("trainer/global_step")) for one in found) == 170
    assert (folder / "config.yaml").read_text() == (run.path / "config.yaml").read_text()
    assert yaml.safe_load((folder / "config_2.yaml").read_text())["trainer"]["max_steps"] == 170


def test_last_needs_a_run(command):
    done = command("fit", *TINY, *QUIET, "--ckpt_path", "last")
    assert done.code == 2
    assert "no runs/wgan/*/checkpoints/last.ckpt" in done.err


def test_saved_configuration_reruns(run, command, tmp_path):
    done = command("fit", "--config", run.path / "config.yaml", *QUIET, "--trainer.max_steps", "3")
    assert done.code == 0, done.err
    assert [steps(path) for path in tmp_path.glob("runs/wgan/*/checkpoints/last.ckpt")] == [3]


def test_a_checkpoint_describes_itself(run):
    content = torch.load(run.last, weights_only=True)["state_dict"]
    model = WGAN.load_from_checkpoint(run.last)
    assert type(model) is WGAN
    assert model.latent_dim == 64
    loaded = model.state_dict()
    assert loaded.keys() == content.keys()
    assert all(torch.equal(loaded[name], content[name]) for name in content)


def test_sample(run, command, tmp_path):
    for num, seed, output in ((5, 0, "five"), (3, 0, "three"), (5, 0, "again"), (5, 1, "other")):
        done = command("sample", run.best, "--num_samples", num, "--seed", seed, "--output", output)
        assert done.code == 0, done.err

    def pictures(folder):
        return {path.name: path.read_bytes() for path in (tmp_path / folder / "images").glob("*.png")}

    five = pictures("five")
    assert len(five) == 5
    assert (tmp_path / "five/grid.png").is_file()
    with Image.open(tmp_path / "five/images/00000.png") as picture:
        assert (picture.size, picture.mode) == ((8, 8), "L")
    assert pictures("again") == five
    assert pictures("other") != five
    assert pictures("three") == {name: five[name] for name in sorted(five)[:3]}
    command("sample", run.best, "--num_samples", 2, "--output", "five")
    assert len(pictures("five")) == 2  # nothing of the earlier ones stays
    done = command("sample", run.best, "--num_samples", 20, "--output", "more")
    done = command("evaluate", "--real", "Digits", "--fake", "more/images")
    assert done.code == 0, done.err


def test_fast_dev_run_writes_nothing(command, tmp_path):
    done = command("fit", *TINY, "--trainer.fast_dev_run", "true", "--trainer.enable_progress_bar", "false")
    assert (done.code, done.err) == (0, "")
    assert not list(tmp_path.iterdir())


def test_csv_logger_is_one_line(command, tmp_path):
    line = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "logs"}}
    (tmp_path / "csv.yaml").write_text(yaml.safe_dump({"trainer": {"logger": line}}))
    settings = ["--trainer.max_steps", 4, "--trainer.log_every_n_steps", 2, "--trainer.enable_progress_bar", "false"]
    done = command("fit", *TINY, "--config", "csv.yaml", *settings)
    assert done.code == 0, done.err
    (file,) = tmp_path.glob("logs/**/metrics.csv")
    saved = yaml.safe_load((file.parent / "hparams.yaml").read_text())
    assert saved["config"]["model"]["class_path"] == "lightning_gans.WGAN"
    header = file.read_text().splitlines()[0].split(",")
    assert {"step", "loss/discriminator", "metrics/fid_digits"} <= set(header)
    assert len(list(tmp_path.glob("runs/wgan/*/checkpoints/last.ckpt"))) == 1


def test_tensorboard_logger_is_one_line(command, tmp_path):
    pytest.importorskip("tensorboard")
    settings = ["--trainer.logger.class_path", "TensorBoardLogger", "--trainer.logger.init_args.save_dir", "logs"]
    done = command("fit", *TINY, *settings, "--trainer.max_steps", 4, "--trainer.enable_progress_bar", "false")
    assert done.code == 0, done.err
    assert list(tmp_path.glob("logs/**/events*"))


@pytest.mark.parametrize("arguments", [(), ("fit",), ("sample",)], ids=" ".join)
def test_help(command, arguments):
    done = command(*arguments, "--help")
    assert done.code == 0
    assert "usage: lightning_gans" in done.out
    assert "sample" in done.out
