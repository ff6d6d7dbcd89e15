"""Every shipped model under what a user may put it; the table is harness.py, how a row is trained running.py."""

import contextlib
import copy
import io
import multiprocessing
import os
import random
import signal
import socket
import time
import traceback
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from lightning_gans import ConfigError
from lightning_gans.batch import Batch
from lightning_gans.cli import main
from lightning_gans.data import Ring2D
from lightning_gans.engine import Phase, compilation
from lightning_gans.engine.migration import KEY
from lightning_gans.engine.phase import Timeline
from tests.cases import few
from tests.engine.test_resume import assert_equal
from tests.games import same, state
from tests.models.harness import BATCH, ROWS
from tests.models.plain_loop import plain_loop
from tests.models.running import (
    OFF,
    SEED,
    STEPS,
    STOP,
    Agree,
    Watch,
    arguments_of,
    built,
    fit,
    generated,
    on_points,
    rebuilt,
)

SGD = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.01}}

TWICE = {"sagan": "biggan", "gan_cls": "stackgan", "esrgan": "srgan"}
"""Large rows that have little of their own beside another: not in the test command."""
every_row = pytest.mark.parametrize("config", few(ROWS, ROWS.keys() - TWICE.keys()))


POINTS = [config for config, row in ROWS.items() if row.points]


def some_rows(check, configs=tuple(ROWS)):
    """All of them, but in the test command those alone that stand for others in a check that is slow."""
    kept = {config for config, row in ROWS.items() if check in row.always}
    return pytest.mark.parametrize("config", few(configs, kept))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A row's run to its end: the model, and what was watched."""
    folder = tmp_path_factory.mktemp("finished")

    @cache
    def of(config):
        watch = Watch({STOP: folder / f"{config}.ckpt"})
        return SimpleNamespace(model=fit(config, watch), **vars(watch), checkpoint=watch.checkpoints[STOP])

    return of


@every_row
def test_training_equals_a_plain_loop(config, finished):
    """Weights, buffers and averages; bit for bit where the plain loss rounds as the model's does."""
    row, run, settings = ROWS[config], finished(config), ROWS[config].told
    allowed = row.tolerance
    before = built(config)[0]
    batches = [Batch.of(each) for each in run.batches]
    batches = [each._replace(condition=each.condition.only(row.given)) for each in batches]
    assert len(batches) == STEPS
    reached = run.end["state_dict"]
    for name, plain in plain_loop(row.turns, before, settings, batches, SEED, STEPS).items():
        ours = {key: reached[f"{name}.{key}"] for key in plain.state_dict()}
        assert not same(ours, state(getattr(before, name.rpartition(".")[2])))
        for key, expected in plain.state_dict().items():
            torch.testing.assert_close(
                ours[key], expected, rtol=allowed, atol=allowed, msg=partial(_at, f"{name}.{key}")
            )


def _at(where, difference):
    return f"{where}: {difference}"


@every_row
def test_an_update_changes_what_its_player_owns_and_nothing_else(config, finished):
    turns = ROWS[config].turns
    assert [player.name for player in built(config)[0].players()] == [turn.name for turn in turns]
    owned = {turn.name: set(turn.owns) for turn in turns}
    updates = finished(config).updates
    assert {name for name, _ in updates} == set(owned)
    for name, changed in updates:
        assert changed == owned[name]


@every_row
def test_a_stopped_run_goes_on_bit_for_bit(config, finished):
    """From a checkpoint that loads with ``weights_only=True``, in a process with another seed."""
    rest = Watch({})
    fit(config, rest, ckpt_path=finished(config).checkpoint, seed=SEED + 1)
    assert len(rest.batches) == STEPS - STOP
    assert_equal(finished(config).end, rest.end, config)


@pytest.mark.parametrize("config", few(["wgan_gp", "aae", "pix2pix"], ["wgan_gp", "aae"]))
def test_a_run_stopped_in_any_phase_goes_on_bit_for_bit(config, tmp_path):
    """Inside the first of two phases, between them, and inside the second.

    With a player that waits for its turn, two owners of one network, and dropout.
    """

    def in_phases(model):
        first, *others = model.players()
        model._timeline = Timeline([Phase("first", share=0.4), Phase("second", share=0.6)])
        model.players = lambda: [first, *(replace(player, phase="second") for player in others)]

    whole = Watch({step: tmp_path / f"{step}.ckpt" for step in (1, 2, 3)})
    fit(config, whole, change=in_phases)
    assert {name for name, _ in whole.updates[:2]} == {whole.updates[0][0]}, "the first player alone"
    assert len({name for name, _ in whole.updates}) > 1
    for step, checkpoint in whole.checkpoints.items():
        rest = Watch({})
        fit(config, rest, ckpt_path=checkpoint, change=in_phases, seed=SEED + 1)
        assert len(rest.batches) == STEPS - step
        assert_equal(whole.end, rest.end, f"{config} from step {step}")


# Two rows through the real command, which costs two runs of it each: a player that waits for its turn, whose place in
# it must survive, with a penalty's noise; and one without latents and average, whose dropout draws from torch's own
# generator. Neither has an average with batch norm, which the closing pictures of a run re-estimate. SIGKILL falls
# anywhere, also into the writing of a checkpoint; SIGTERM is how a cluster stops a run.
KILLED = {"mmd_gan": signal.SIGKILL, "pix2pix": signal.SIGTERM}


@pytest.mark.parametrize("config", few(KILLED, ["mmd_gan"]))
def test_a_killed_run_goes_on_bit_for_bit(config, tmp_path, monkeypatch):
    quiet = ("--metrics.every_n_steps", "0", "--trainer.enable_progress_bar", "false")

    def train(*more):
        main(["fit", *ROWS[config].words, *quiet, "--checkpoint.every_n_steps", "1", *more])

    monkeypatch.chdir(tmp_path)

    process = multiprocessing.get_context("fork").Process(target=train, args=("--trainer.max_steps", "100000"))
    process.start()
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.uniform(0, 0.2))
    os.kill(process.pid, KILLED[config])
    process.join()
    assert process.exitcode == (143 if KILLED[config] == signal.SIGTERM else -signal.SIGKILL)
    (last,) = tmp_path.rglob("last.ckpt")
    steps = torch.load(last, weights_only=True)[KEY]["step"] + 3
    train("--ckpt_path", "last", "--trainer.max_steps", str(steps))
    resumed, whole = torch.load(last, weights_only=True), Watch({})
    fit(config, whole, steps=steps, seed=ROWS[config].file["seed_everything"])
    for part in ("state_dict", "optimizer_states", KEY):
        assert_equal(resumed[part], whole.end[part], f"{config} after {steps} steps, {part}")


def plain_descent(config):
    """Optimizers under which small differences stay small: Adam's first steps are the signs of gradients alone."""
    turns = ROWS[config].turns
    adams = any(turn.shares for turn in turns) or "ramps" in ROWS[config].told  # sharing, and ramps of its betas
    adams = adams or not ROWS[config].splits  # nothing is compared, and some losses are too steep for descent
    return {} if adams else {turn.name: SGD for turn in turns}


def precision(config):
    return {"precision": ROWS[config].precision}


SPLIT = [config for config, row in ROWS.items() if "processes" in row.splits]


def train_all(rank, port, folder, configs):
    """Rows in turn, as one of two processes; leaves a file for each that it got through, or what went wrong."""
    cluster = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 0}
    cluster |= {"TORCHELASTIC_RUN_ID": "family", "RANK": rank, "LOCAL_RANK": rank}
    os.environ.update({name: str(value) for name, value in cluster.items()})
    spread = {"strategy": "ddp", "devices": 2}
    for config in configs:
        try:
            if config in SPLIT:
                agree = Agree(folder / f"{config}.pt")
                fit(
                    config,
                    agree,
                    optimization=plain_descent(config),
                    batch_size=BATCH // 2,
                    **spread,
                    **precision(config),
                )
            else:
                fit(config, Agree(), **spread)
        except BaseException:
            (folder / f"{config}.{rank}.error").write_text(traceback.format_exc())
            raise  # the other process waits in vain, and is ended by the test
        (folder / f"{config}.{rank}").touch()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory, request):
    """The folder that two processes, started as a cluster starts them, left their files in."""
    asked = {item.callspec.params["config"] for item in request.session.items if "two_processes" in item.fixturenames}
    for config in asked:
        built(config)  # once, before the processes are forked
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder, context = tmp_path_factory.mktemp("processes"), multiprocessing.get_context("fork")
    processes = [context.Process(target=train_all, args=(rank, port, folder, sorted(asked))) for rank in range(2)]
    for process in processes:
        process.start()
    deadline = time.monotonic() + 240
    while any(process.is_alive() for process in processes) and time.monotonic() < deadline:
        if any(process.exitcode for process in processes):
            break
        time.sleep(0.1)
    for process in processes:
        process.kill()
        process.join()
    return folder


@some_rows("processes")
def test_two_processes_agree(config, two_processes):
    errors = [file.read_text() for file in two_processes.glob("*.error")]
    assert all((two_processes / f"{config}.{rank}").exists() for rank in range(2)), "\n".join(errors)


@some_rows("processes", SPLIT)
def test_two_processes_train_what_one_trains(config, two_processes, finished_by_descent):
    """To rounding, where losses are means over samples of what each is by itself."""
    assert_close(torch.load(two_processes / f"{config}.pt"), finished_by_descent(config))


@pytest.fixture(scope="module")
def finished_by_descent():
    """A row's weights after plain gradient descent on undivided batches."""
    return cache(lambda config: state(fit(config, optimization=plain_descent(config), **precision(config))))


def assert_close(weights, expected):
    for name, weight in expected.items():
        torch.testing.assert_close(weights[name], weight, rtol=0, atol=1e-6, msg=partial(_at, name))


@some_rows("micro_batches")
def test_micro_batches(config, finished_by_descent):
    """Equal to the undivided batch, to rounding, where losses are means over samples; else training goes on."""
    model = fit(config, optimization={"micro_batches": 2, **plain_descent(config)}, **precision(config))
    assert bool(generated(model).isfinite().all())
    assert not same(state(model), state(built(config)[0]))
    if "micro_batches" in ROWS[config].splits:
        assert_close(state(model), finished_by_descent(config))


@some_rows("bf16")
def test_lower_precision_learns_in_whole_weights(config):
    model = fit(config, precision="bf16-mixed")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(bool(value.isfinite().all()) for value in model.state_dict().values())
    for player, before in zip(model.players(), built(config)[0].players(), strict=True):
        pairs = zip(player.parameters(), before.parameters(), strict=True)
        assert not all(torch.equal(after, p) for after, p in pairs), player.name


@some_rows("points", POINTS)
def test_points(config):
    """With networks for points, from plain data as a config has them."""
    model = on_points(config)
    trainer = Trainer(max_steps=STEPS, max_epochs=-1, accelerator="cpu", log_every_n_steps=2, **OFF)
    trainer.fit(model, Ring2D(batch_size=BATCH))
    assert model.sample(4).shape == (4, 2)


@some_rows("ring", POINTS)
def test_points_by_the_command(config):
    """With the config of points behind the model's: what does not fit the model is left out."""
    model = fit(config, more=("--config", "data/ring"))
    assert model.sample(4).shape == (4, 2)


@pytest.fixture
def traced(monkeypatch):
    """Compile by tracing alone: what the graphs are depends on us, what a backend makes of them takes half a minute."""
    graphs, compile_ = [], torch.compile

    def trace(module, inputs):
        graphs.append(module)
        return module.forward

    monkeypatch.setattr(compilation.torch, "compile", lambda function: compile_(function, backend=trace))
    torch._dynamo.reset()
    yield graphs
    torch._dynamo.reset()


@some_rows("compiled", [row for row in ROWS if row != "draw"])  # which refuses it
def test_compiled_equals_uncompiled(config, finished, traced):
    plain = finished(config).end["state_dict"]
    assert not traced
    compiled = fit(config, optimization={"compile": True})
    assert len(traced) >= 2
    for name, weight in plain.items():
        torch.testing.assert_close(compiled.state_dict()[name], weight, rtol=1e-4, atol=1e-5)


LINKED = {"image_shape", "source_shape", "num_classes", "latent_dim", "out_features", "labels_per_sample", "text_dim"}
"""What the data, and the sizes of other parts, say where a config says nothing."""


@some_rows("printed")
def test_printed_config_is_what_is_built(config):
    """YAML without an object in it, of each argument that the model is built with, but for what the data say."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main(["fit", *ROWS[config].words, "--print_config"])
    assert "Unable to serialize" not in printed.getvalue()
    node, model = yaml.safe_load(printed.getvalue())["model"], built(config)[0]
    assert node["class_path"] == f"lightning_gans.{type(model).__name__}"
    said, used = (
        {path: value for path, value in leaves(each).items() if path[0] != "text_encoder"}
        for each in (node["init_args"], arguments_of(model))
    )  # the data's
    assert said.keys() == used.keys()
    assert {path[-1] for path in said if said[path] != used[path]} <= LINKED


def leaves(tree, path=()):
    """The values of nested dicts, by path."""
    if not isinstance(tree, dict):
        return {path: tree}
    return {key: value for name, node in tree.items() for key, value in leaves(node, (*path, name)).items()}


@every_row
def test_bad_settings_are_named(config):
    for arguments, said in ROWS[config].bad:
        with pytest.raises(ConfigError, match=said):
            rebuilt(config, **arguments)


@every_row
def test_bad_batches_are_named(config, finished):
    """Before anything is updated: integers, images out of range, and what lacks what the model is given."""
    raw, model = finished(config).batches[0], copy.deepcopy(built(config)[0])
    batch = Batch.of(raw)
    pixels = Batch((batch.image * 127.5 + 127.5).to(torch.uint8), batch.condition)
    with pytest.raises(ConfigError, match=r"batch='images of torch\.uint8': .*floats in \[-1, 1\]"):
        model.prepare(pixels)
    for part in ROWS[config].given:
        with pytest.raises(ConfigError, match=f"the model is given a {part}, and the batch has none"):
            model.prepare(batch._replace(condition=batch.condition._replace(**{part: None})))
    prepared = model.prepare(batch).condition
    assert tuple(prepared.only(ROWS[config].given)) == tuple(prepared)
    assert tuple(model.given) == ROWS[config].given
