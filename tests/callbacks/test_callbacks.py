"""Callbacks in plain Python use: a user's own model, loader and Trainer."""

from datetime import timedelta

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lightning_gans import GAN
from lightning_gans.callbacks import MetricsCallback, RunSummary, SampleGrid, StepCheckpoint
from lightning_gans.data import Digits
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator

FID = "metrics/fid_digits"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))


def loader(count=96):
    return DataLoader(TensorDataset(torch.rand(count, 1, 8, 8) * 2 - 1), batch_size=16)


def model(**kwargs):
    torch.manual_seed(0)
    return GAN(DCGANGenerator(4, (1, 8, 8), base_channels=4), DCGANDiscriminator((1, 8, 8), base_channels=4), **kwargs)


def trainer(steps, *callbacks, **kwargs):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    settings = {**quiet, "max_steps": steps, "max_epochs": -1, "enable_checkpointing": False, **kwargs}
    return Trainer(callbacks=list(callbacks), **settings)


def metrics(**kwargs):
    return MetricsCallback(DigitsFeatures(), **{"every_n_steps": 4, "num_samples": 32, **kwargs})


class Watched(MetricsCallback):
    def __init__(self, **kwargs):
        super().__init__(DigitsFeatures(), num_samples=32, **kwargs)
        self.steps = []

    def _evaluate(self, trainer, pl_module):
        self.steps.append(trainer.global_step)
        return super()._evaluate(trainer, pl_module)


def test_metrics_with_a_plain_loader():
    measured = Watched(every_n_steps=4)
    run = trainer(10, measured)
    run.fit(model(), loader())
    assert measured.steps == [0, 4, 8, 10]
    assert set(measured.metric_names()) <= set(run.callback_metrics)
    assert float(run.callback_metrics[FID]) == pytest.approx(measured.report.values["fid_digits"])
    assert measured.report.provenance["real"]["count"] == 96


def test_metrics_are_those_of_the_given_images():
    own = metrics(reference=TensorDataset(torch.rand(40, 1, 8, 8)))
    trainer(2, own).fit(model(), loader())
    assert own.report.provenance["real"]["count"] == 40


def test_validate_gives_metrics_as_its_result():
    measured = metrics()
    (result,) = trainer(0, measured).validate(model(), Digits(), verbose=False)
    assert result[FID] == pytest.approx(measured.report.values["fid_digits"])


def test_metrics_need_real_images():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(torch.zeros(64, 1, 8, 8))

    with pytest.raises(ConfigError, match="pass the data set"):
        trainer(2, metrics()).fit(model(), DataLoader(Stream(), batch_size=16))


def test_pairs_are_formed_with_a_subset():
    measured = metrics(subset_size=30)
    trainer(0, measured).validate(model(), loader(), verbose=False)
    assert measured.report.provenance["subset"] == {"size": 30, "seed": 0}


@pytest.mark.parametrize("wrong", [{"every_n_steps": -1}, {"num_samples": 1}, {"batch_size": 0}, {"subset_size": 19}])
def test_metrics_refuse_impossible_settings(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        metrics(**wrong)


def test_two_extractors_keep_their_states_apart():
    ema, raw = metrics(), metrics(ema=False)
    assert ema.state_key != raw.state_key
    trainer(2, ema, raw).fit(model(), loader())


def test_second_fit_measures_anew():
    measured = Watched(every_n_steps=100)
    trainer(2, measured).fit(model(), loader())
    trainer(3, measured).fit(model(), loader())
    assert measured.steps == [0, 2, 0, 3]


def test_lightnings_checkpoint_sees_the_value_of_its_step(tmp_path):
    keep = ModelCheckpoint(tmp_path, "{step}", monitor=FID, save_top_k=-1, every_n_train_steps=4)
    measured = Watched(every_n_steps=4)
    run = trainer(8, measured, keep, enable_checkpointing=True)
    run.fit(model(), loader())
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["step=4.ckpt", "step=8.ckpt"]
    assert float(keep.best_k_models[str(tmp_path / "step=8.ckpt")]) == pytest.approx(
        measured.report.values["fid_digits"]
    )


def test_early_stopping_sees_the_values():
    stop = EarlyStopping(FID, divergence_threshold=0.0, check_finite=True)  # any value is worse than that: at once
    run = trainer(1000, metrics(every_n_steps=2), stop)
    run.fit(model(), loader())
    assert run.global_step == 6  # at the end of the first epoch


def test_checkpoint_keeps_best_and_last(tmp_path):
    keep = StepCheckpoint(FID, dirpath=str(tmp_path / "kept"), every_n_steps=3)
    measured = Watched(every_n_steps=2)
    trainer(7, measured, keep, enable_checkpointing=True).fit(model(), loader())
    best, last = (torch.load(tmp_path / f"kept/{name}.ckpt", weights_only=True) for name in ("best", "last"))
    assert last["global_step"] == 7
    assert best["global_step"] in (2, 4, 6, 7)
    assert keep.best_model_score == min(keep.best_k_models.values())
    assert not list((tmp_path / "kept").glob("*-v1*"))


def test_checkpoint_saves_by_time(tmp_path):
    keep = StepCheckpoint(every_n_steps=10**6, train_time_interval=timedelta(0), dirpath=str(tmp_path))
    saved = []
    keep._save_last_checkpoint = lambda run, _: saved.append(run.global_step)
    trainer(3, keep, enable_checkpointing=True).fit(model(), loader())
    assert saved == [1, 2, 3, 3]


@pytest.mark.filterwarnings("ignore:.*exists and is not empty", "ignore:resumed after step")
def test_checkpoint_state_follows_a_moved_folder(tmp_path):
    first = StepCheckpoint(FID, dirpath=str(tmp_path / "old"))
    trainer(4, metrics(every_n_steps=2), first, enable_checkpointing=True).fit(model(), loader())
    score = first.best_model_score
    (tmp_path / "old").rename(tmp_path / "new")
    second = StepCheckpoint(FID, dirpath=str(tmp_path / "new"), every_n_steps=7)
    last = tmp_path / "new/last.ckpt"
    trainer(5, metrics(every_n_steps=100), second, enable_checkpointing=True).fit(model(), loader(), ckpt_path=last)
    assert second.best_model_score <= score
    assert second.best_model_path == str(tmp_path / "new/best.ckpt")
    assert not (tmp_path / "old").exists()


def test_sample_grid_draws_when_due_and_at_the_end(tmp_path):
    grid = SampleGrid(every_n_steps=2, num_samples=4)
    trainer(5, grid, default_root_dir=tmp_path / "run").fit(model(), loader())
    assert sorted(p.name for p in (tmp_path / "run/samples").iterdir()) == [f"step_{n:09d}.png" for n in (2, 4, 5)]
    trainer(2, SampleGrid(every_n_steps=0), default_root_dir=tmp_path / "none").fit(model(), loader())
    assert not (tmp_path / "none/samples").exists()


def test_sample_grid_draws_the_same_latents(tmp_path):
    still = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.0}}
    generator, discriminator = MLPGenerator(4, (1, 8, 8), (8,)), MLPDiscriminator((1, 8, 8), (8,))
    frozen = GAN(generator, discriminator, optimization={"generator": still, "discriminator": still})
    trainer(4, SampleGrid(every_n_steps=2, num_samples=4), default_root_dir=tmp_path).fit(frozen, loader())
    two, four = ((tmp_path / f"samples/step_{n:09d}.png").read_bytes() for n in (2, 4))
    assert two == four


def test_files_lie_in_the_loggers_folder_by_default(tmp_path):
    logger = CSVLogger(tmp_path / "logs")
    trainer(2, SampleGrid(num_samples=4), StepCheckpoint(), logger=logger, enable_checkpointing=True).fit(
        model(), loader()
    )
    assert [p.parent.parent.name for p in tmp_path.rglob("last.ckpt")] == ["version_0"]
    assert [p.parent.parent.name for p in tmp_path.rglob("step*.png")] == ["version_0"]


def test_the_first_line_says_what_is_trained_and_where(tmp_path, capsys):
    game = LightningModule()
    game.generator, game.frozen = torch.nn.Linear(100, 60), torch.nn.Linear(9, 9).requires_grad_(False)
    RunSummary().on_fit_start(trainer(1, default_root_dir=tmp_path / "run"), game)
    assert capsys.readouterr().out == "LightningModule on cpu (generator 6.1 K parameters): run\n"


def test_two_processes_agree_and_do_not_hang(tmp_path):
    measured, keep = metrics(every_n_steps=2), StepCheckpoint(FID, dirpath=str(tmp_path / "kept"), every_n_steps=2)
    grid = SampleGrid(every_n_steps=2, num_samples=4)
    spread = {"strategy": "ddp_fork", "devices": 2, "default_root_dir": tmp_path, "enable_checkpointing": True}
    many = trainer(4, measured, grid, keep, **spread)
    many.fit(model(), Digits(batch_size=8))
    alone = metrics(every_n_steps=2)
    one = trainer(0, alone)
    kept = GAN.load_from_checkpoint(
        tmp_path / "kept/last.ckpt",
        generator=DCGANGenerator(4, (1, 8, 8), base_channels=4),
        discriminator=DCGANDiscriminator((1, 8, 8), base_channels=4),
    )
    (result,) = one.validate(kept, Digits(), verbose=False)
    assert float(many.callback_metrics[FID]) == pytest.approx(result[FID], rel=1e-4)
    assert len(list((tmp_path / "samples").glob("*.png"))) == 2
