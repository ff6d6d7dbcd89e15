"""A mistake is one line on stderr that names it and says what to do, and exit code 2; nothing is lost."""

import resource
import subprocess
import sys

import pytest
import torch

from lightning_gans import WGAN
from lightning_gans.cli import main
from lightning_gans.cli.messages import user_facing_error
from tests.cli.conftest import QUIET, TINY

FULL = 20_000  # bytes: less than a checkpoint needs, more than a picture does
MODEL, GENERATOR = "--model.init_args.", "--model.init_args.generator.init_args."


def refused(done, *expected):
    assert done.code == 2
    assert len(done.err.splitlines()) == 1, done.err
    assert done.err.startswith("lightning_gans: error: ")
    for part in expected:
        assert part in done.err, done.err


def test_what_is_not_installed(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("lightning.fabric.loggers.tensorboard._TENSORBOARD_AVAILABLE", False)
    monkeypatch.setattr("lightning.fabric.loggers.tensorboard._TENSORBOARDX_AVAILABLE", False)
    logger = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", "logs"]
    refused(command("fit", *TINY, *logger, "--trainer.max_steps", "1"), "tensorboard", "install")


def test_a_class_of_the_users_own_is_found_where_the_command_is_given(command, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "net_of_mine.py").write_text("from lightning_gans import WGAN\n\nclass MyGAN(WGAN):\n    pass\n")
    done = command("fit", *TINY, *QUIET, "--model", "net_of_mine.MyGAN", "--trainer.max_steps", "1")
    assert (done.code, done.err) == (0, "")
    (last,) = tmp_path.glob("runs/mygan/*/checkpoints/last.ckpt")
    monkeypatch.delitem(sys.modules, "net_of_mine")
    assert command("sample", last, "--num_samples", "2").code == 0


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """A checkpoint of one step."""
    folder = tmp_path_factory.mktemp("trained")
    short = ["--metrics.every_n_steps", "0", "--samples.every_n_steps", "0", "--trainer.max_steps", "1"]
    main(["fit", *TINY, *QUIET, *short, "--trainer.default_root_dir", str(folder)])
    return folder / "checkpoints/last.ckpt"


@pytest.fixture(params=["foreign", "nameless", "bytes", "truncated", "flipped", "empty"])
def damaged(request, last, tmp_path):
    path = tmp_path / f"{request.param}.ckpt"
    (tmp_path / "link.ckpt").symlink_to(tmp_path / "removed.ckpt")  # another is looked for beside it
    if request.param in ("foreign", "nameless"):
        named = {"lightning_gans": {}, "hyper_parameters": 5} if request.param == "nameless" else {}
        torch.save({"state_dict": {"w": torch.zeros(2)}, **named}, path)
    else:
        whole, content = last.read_bytes(), torch.load(last, weights_only=True)
        weight = next(iter(content["state_dict"].values())).numpy().tobytes()
        contents = {
            "bytes": bytes(range(256)) * 40,
            "truncated": whole[: len(whole) // 2],
            "flipped": whole.replace(weight, bytes([weight[0] ^ 1]) + weight[1:]),
            "empty": b"",
        }
        path.write_bytes(contents[request.param])
    return path


@pytest.mark.parametrize("arguments", [("fit", *TINY, *QUIET, "--ckpt_path"), ("sample",)], ids=lambda a: a[0])
def test_damaged_or_foreign_checkpoint(command, damaged, arguments):
    refused(command(*arguments, damaged), damaged.name, "take")


@pytest.mark.parametrize("named", ["os.system", "", "os.path.nothing"])
def test_a_checkpoint_of_what_is_no_class(command, last, tmp_path, named):
    content = torch.load(last, weights_only=True)
    content["hyper_parameters"]["_class_path"] = named
    torch.save(content, tmp_path / "odd.ckpt")
    refused(command("sample", tmp_path / "odd.ckpt"), f"checkpoint='{named}': ")


@pytest.mark.parametrize("command_line", ["fit", "sample"])
def test_unwritable_folder(command, last, tmp_path, command_line):
    (tmp_path / "file").write_text("")  # nothing can be created below a file, whoever asks
    lines = {
        "fit": ("fit", *TINY, *QUIET, "--trainer.default_root_dir", "file/below"),
        "sample": ("sample", last, "--output", "file/below"),
    }
    refused(command(*lines[command_line]), "file/below", "another folder")


def test_a_second_run_in_a_folder_leaves_the_first_alone(command, tmp_path, monkeypatch):
    """It does not even write its configuration."""
    monkeypatch.setattr("fcntl.lockf", lambda *_: (_ for _ in ()).throw(BlockingIOError()))  # as for another process
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.lock").write_text("process 1 on there since then")
    done = command("fit", *TINY, *QUIET, "--trainer.max_steps", "2", "--trainer.default_root_dir", "run")
    refused(done, "trainer.default_root_dir='run': in use by process 1 on there since then; choose another folder")
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_non_finite_loss_names_the_player_and_keeps_the_last_good_state(command, tmp_path):
    settings = [*TINY, *QUIET, "--trainer.default_root_dir", "here", "--trainer.log_every_n_steps", "2"]
    assert command("fit", *settings, "--trainer.max_steps", "4").code == 0
    before = {path: path.read_bytes() for path in tmp_path.glob("here/checkpoints/*.ckpt")}
    assert {path.name for path in before} == {"best.ckpt", "last.ckpt"}
    rate = ["--model.init_args.optimization.discriminator.init_args.lr", "1e30", MODEL + "clip_value", "1e38"]
    done = command("fit", *settings, *rate, "--trainer.max_steps", "50", "--metrics.every_n_steps", "7")
    refused(done, "loss/discriminator", "nan", "learning rate")
    assert {path: path.read_bytes() for path in tmp_path.glob("here/checkpoints/*.ckpt")} == before
    WGAN.load_from_checkpoint(tmp_path / "here/checkpoints/last.ckpt")


def test_labels_are_missing_for_a_conditional_model(command):
    done = command("fit", "--config", "cgan", "--data", "tests.cli.parts.Unlabeled", *QUIET, "--trainer.max_steps", "2")
    refused(done, "batch", "given a label", "the batch has none")


def test_a_full_disk_leaves_the_earlier_checkpoint(command, tmp_path):
    settings = [*TINY, *QUIET, "--trainer.default_root_dir", "here"]
    assert command("fit", *settings, "--trainer.max_steps", "2").code == 0
    last = tmp_path / "here/checkpoints/last.ckpt"
    before, limits = last.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    assert len(before) > 2 * FULL
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, limits[1]))  # the system refuses to make any file larger
    try:
        done = command("fit", *settings, "--trainer.max_steps", "4", "--ckpt_path", "last")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    refused(done, "checkpoints/", "cannot be written", "make room and resume")
    assert last.read_bytes() == before
    assert [path.name for path in last.parent.iterdir() if path.name.startswith(".")] == []
    assert command("fit", *settings, "--trainer.max_steps", "4", "--ckpt_path", "last").code == 0


@pytest.mark.gpu
def test_out_of_memory_on_a_gpu(command):
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        done = command("fit", *TINY, *QUIET, "--trainer.accelerator", "gpu", GENERATOR + "base_channels", "4096")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    refused(done, "out of memory", "ried to allocate", "batch_size")


def test_an_error_of_a_spawned_process_is_one_line_too(command):
    """torch hands on the traceback of the process that failed as text."""
    line = "lightning_gans.errors.ConfigError: batch='nan': clean those images"
    text = f"-- Process 1 terminated with the following error:\nTraceback (most recent call last):\n  ...\n{line}\n"
    told = user_facing_error(torch.multiprocessing.ProcessRaisedException(text, 1, 123))
    assert str(told) == "batch='nan': clean those images"
    assert user_facing_error(torch.multiprocessing.ProcessRaisedException("Traceback\nKeyError: 3\n", 1, 123)) is None


def test_a_reader_that_has_seen_enough():
    program = [sys.executable, "-m", "lightning_gans.cli", "configs"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
