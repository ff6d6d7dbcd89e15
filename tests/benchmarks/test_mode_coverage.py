"""The mode-coverage benchmark: what it trains with, what needs no training, and its table."""

import importlib.util
import json
import math
import os
import sys
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from lightning_gans.data import Grid2D, Ring2D
from lightning_gans.engine import Uniform
from lightning_gans.engine.player import open_length
from lightning_gans.networks import DCGANGenerator, MaxoutDiscriminator
from lightning_gans.regularizers import R1
from tests.models.running import built, built_of

spec = importlib.util.spec_from_file_location(
    "mode_coverage", Path(__file__).parents[2] / "benchmarks/mode_coverage.py"
)
benchmark = sys.modules["mode_coverage"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)
RING, GRID = benchmark.Points(Ring2D()), benchmark.Points(Grid2D())


def game(recipe, data, protocol):
    return built(recipe, "--config", f"data/{data}", "--config", f"protocols/{protocol}")[0]


@pytest.mark.parametrize(
    ("protocol", "size"), [("pacgan", 100), ("unrolled", 512), ("points", 256), ("stacked_mnist", 64)]
)
def test_batch_sizes(protocol, size):  # `built` sets another
    path = Path(__file__).parents[2] / f"configs/protocols/{protocol}.yaml"
    assert yaml.safe_load(path.read_text())["data"]["init_args"]["batch_size"] == size


@pytest.mark.parametrize("protocol", ["pacgan", "stacked_mnist"])
def test_a_batch_of_pacgan_s_is_a_number_of_packs(protocol):
    path = Path(__file__).parents[2] / f"configs/protocols/{protocol}.yaml"
    pack = game("pacgan", benchmark.PROTOCOLS[protocol][0], protocol).pack
    size = yaml.safe_load(path.read_text())["data"]["init_args"]["batch_size"]
    assert benchmark.OWN[protocol, "pacgan"] == ["--data.batch_size", str(pack * size)]


def rates(model):
    players = [model.optimization.generator, model.optimization.discriminator]
    made = [build([nn.Parameter(torch.zeros(1))]) for build in players]
    return [(each.defaults["lr"], each.defaults["betas"]) for each in made]


def linears(network):
    return [(each.in_features, each.out_features) for each in network.modules() if isinstance(each, nn.Linear)]


@pytest.mark.parametrize("data", ["ring", "grid"])
def test_pacgan_s_protocol(data):
    model = game("pacgan", data, "pacgan")
    assert linears(model.generator) == [(2, 400), *[(400, 400)] * 3, (400, 2)]
    assert sum(isinstance(each, nn.BatchNorm1d) for each in model.generator.modules()) == 4
    assert isinstance(model.discriminator, MaxoutDiscriminator)
    assert linears(model.discriminator) == [(4, 1000), (200, 1000), (200, 1000), (200, 1)]  # packs of 2
    assert (model.pack, model.latent_dim) == (2, 2)
    assert rates(model) == [(1e-4, (0.8, 0.999))] * 2


def test_unrolled_s_protocol():
    model = game("unrolled", "ring", "unrolled")
    assert (model.unroll_steps, model.latent_dim) == (5, 256)
    assert linears(model.generator) == [(256, 128), (128, 128), (128, 2)]
    assert linears(model.discriminator) == [(2, 128), (128, 128), (128, 1)]
    for network in (model.generator, model.discriminator):
        assert [type(each) for each in network.modules() if not list(each.children())][1::2] == [nn.Tanh] * 2
    assert rates(model) == [(1e-3, (0.5, 0.999)), (1e-4, (0.5, 0.999))]


@pytest.mark.slow
def test_what_trains_best_on_points_comes_to_rest_with_its_last_step():
    model = game("gan", "grid", "points")
    (penalty,) = model.critic.regularizers
    assert isinstance(penalty, R1)
    assert (penalty.gamma, penalty.interval) == (0.02, 4)
    for spec in (model.optimization.generator_scheduler, model.optimization.discriminator_scheduler):
        assert open_length(spec) == "T_max"


def test_stacked_mnist_s_protocol():
    # not dcgan, whose own latents and rates these are
    model = built("pacgan", "--config", "data/stacked_mnist", "--config", "protocols/stacked_mnist")[0]
    assert isinstance(model.generator, DCGANGenerator)
    assert isinstance(model.prior, Uniform)
    assert rates(model) == [(2e-4, (0.5, 0.999))] * 2


@pytest.mark.parametrize(("data", "noise"), [(Ring2D(), (4, 0.48)), (Grid2D(), (17, 2.3))])
def test_what_needs_no_training(data, noise):
    points = benchmark.Points(data)
    perfect, collapsed, uniform = (benchmark.measure(sample, points) for sample in points.references().values())
    modes = len(data.means)
    assert perfect["modes"] == modes
    assert perfect["high_quality"] == pytest.approx(100 * (1 - math.exp(-4.5)), abs=0.2)
    assert perfect["reverse_kl"] == pytest.approx((modes - 1) / 2 / 2500, rel=0.5)  # chi^2 / 2 N: sampling alone
    assert perfect["spread"] == pytest.approx(1, abs=0.01)
    assert (collapsed["modes"], collapsed["high_quality"], collapsed["spread"]) == (1, 100, 0)
    assert collapsed["reverse_kl"] == pytest.approx(math.log(modes))
    assert noise[0] < uniform["modes"] <= modes
    assert uniform["high_quality"] == pytest.approx(noise[1], rel=0.15)  # the share of the square that modes take


@pytest.mark.slow
@pytest.mark.skipif("LIGHTNING_GANS_DATA" not in os.environ, reason="LIGHTNING_GANS_DATA names no folder")
def test_stacked_mnist_counts_triples_of_digits():
    stacked = benchmark.Stacked(os.environ["LIGHTNING_GANS_DATA"])
    stacked.samples = 400
    found = {name: benchmark.measure(sample, stacked) for name, sample in stacked.references().items()}
    labels = stacked.data.parse(train=True).__getitems__(range(400))[1]
    assert found["real images"]["modes"] == pytest.approx(len(labels.unique()), rel=0.02)
    entropy = float(torch.special.entr(labels.bincount() / 400).sum())
    assert found["real images"]["reverse_kl"] == pytest.approx(math.log(1000) - entropy, abs=0.03)
    assert "| *PacDCGAN2, Lin et al. 2018* | 1,000.0 | - | 0.060 |" in benchmark.table({}, "stacked_mnist", stacked)
    assert found["one image alone"] == {"modes": 1, "reverse_kl": pytest.approx(math.log(1000))}
    results = {("dcgan", "stacked_mnist", 0): found["real images"] | {"seconds": 1.0, "labels": False}}
    lines = benchmark.table(results, "stacked_mnist", stacked).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| *DCGAN, Lin et al. 2018* | 78.9 | - | 4.500 |" in lines[6]


def test_table():
    def found(modes, quality, labels=False, reverse_kl=0.1):
        rest = {"reverse_kl": reverse_kl, "spread": 1.0, "seconds": 9, "labels": labels}
        return {"modes": modes, "high_quality": quality, **rest}

    results = {("gan", "ring", seed): found(7.0 + seed, 90.0, reverse_kl=[None, 0.5][seed]) for seed in (0, 1)}
    results |= {("cgan", "ring", 0): found(8.0, 100.0, labels=True), ("wgan", "ring", 0): "loss | nan"}
    results |= {("dcgan", "ring", 0): found(7.5, 91.0), ("lsgan", "grid", 0): found(25.0, 99.0)}
    results |= {("wgan", "ring", 1): found(2.0, 0.0)}  # of two seeds one is left
    lines = benchmark.table(results, "ring", RING).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    names = [line.split(" | ")[0].strip("| ") for line in lines[2:]]
    assert names[:5] == ["cgan*", "dcgan", "gan", "wgan", "wgan, seed 0"]
    assert "| gan | 7.5 ± 0.5 | 90.0 ± 0.0 | 0.500 (1 of 2) |" in lines[4]
    assert "failed: loss / nan" in lines[6]
    assert "| *PacGAN2, Lin et al. 2018* | 7.9 | 95.6 | 0.070 |" in lines[12]
    assert len(names) == 5 + 3 + len(benchmark.PUBLISHED["ring"])


@pytest.mark.slow
def test_a_run_goes_through_the_command_and_is_kept(tmp_path):
    job = ("gan", "grid", 0)
    found = benchmark.result(job, "points", 2, tmp_path, GRID)
    path = benchmark.folder_of(job, "points", 2, tmp_path) / "result.json"
    assert found == json.loads(path.read_text())
    model = benchmark.loaded(path.parent)
    again = benchmark.measure(lambda draw: model.sample(2500, seed=draw), GRID)
    assert again == {name: found[name] for name in benchmark.COLUMNS}
    raw = benchmark.measure(lambda draw: model.sample(2500, seed=draw, ema=False), GRID)
    assert raw["spread"] != again["spread"], "figures are those of the averaged weights"
    path.write_text(json.dumps(found | {"seconds": -1.0}))
    assert benchmark.result(job, "points", 2, tmp_path, GRID)["seconds"] == -1, "it was trained again"
    other = benchmark.result(job, "points", 2, tmp_path, GRID, ["--model.latent_dim", "3"])
    assert other == "--fit was not given in this folder; take another --folder"
    picture = tmp_path / "gan.png"
    benchmark.picture({"gan": path.parent}, GRID, picture)
    assert picture.stat().st_size > 1000


def interpreter(monkeypatch, folder, script):
    """Put a script in place of the Python that a run is started with."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def test_what_a_method_needs_besides_reaches_its_run(tmp_path, monkeypatch):
    interpreter(monkeypatch, tmp_path, f"printf '%s\\n' \"$@\" > {tmp_path}/words")
    benchmark.train(("pacgan", "ring", 0), "pacgan", 1, tmp_path)
    words = (tmp_path / "words").read_text().splitlines()
    assert words[:3] == ["-m", "lightning_gans.cli", "fit"]
    assert built_of(*words[3:])[1].batch_size == 200


def test_a_run_that_fails_says_why(tmp_path, capsys, monkeypatch):
    interpreter(monkeypatch, tmp_path, "echo first\necho 'loss is nan'\nexit 2")
    assert benchmark.result(("gan", "ring", 0), "points", 2, tmp_path, RING) == "loss is nan"
    assert "('gan', 'ring', 0): failed: loss is nan" in capsys.readouterr().err
    assert not list(tmp_path.rglob("result.json"))
    mended = benchmark.result(("gan", "ring", 0), "points", 2, tmp_path, RING, ["--model.latent_dim", "3"])
    assert mended == "loss is nan", "other settings were refused where nothing had been trained"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "stacked_mnist"], "--data stacked_mnist: protocols/pacgan is for ring and grid"),
        (["--protocol", "stacked_mnist", "--root", "nowhere"], "nowhere"),
    ],
)
def test_bad_input(words, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mode_coverage.py", *words])
    with pytest.raises(SystemExit, match="2"):
        benchmark.main()
    assert message in capsys.readouterr().err.splitlines()[-1]
