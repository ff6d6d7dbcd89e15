"""Callbacks with a model that translates: pictures and metrics of held-out pairs."""

import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, StackDataset, TensorDataset
from torchmetrics import Metric

from lightning_gans.batch import Batch
from lightning_gans.callbacks import MetricsCallback, SampleGrid, samples
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import PairDataset
from lightning_gans.engine import Game, Player, Translator
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.figures import grids
from lightning_gans.figures.grids import translation_figure
from lightning_gans.images import from_uint8
from tests.games import SGD, train

SIDE = 8


class Brightness(nn.Module):
    """Adds a constant, which can be learned."""

    def __init__(self, shift=0.25):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, source):
        return source + self.shift


class Toy(Translator):
    """Regression: what pix2pix is without its discriminator."""

    def players(self):
        return [Player("generator", self.loss, [self.generator], SGD)]

    def loss(self, batch):
        return (self.generator(batch.condition.source) - batch.images).abs().mean()


class Pairs(ImageDataModule):
    """Sources, and targets a little brighter: 64 to learn from, 24 that are held out."""

    image_shape = source_shape = (1, SIDE, SIDE)
    num_classes = None

    def load_train(self):
        return pairs(64, seed=0)

    def load_test(self):
        return pairs(24, seed=1)


class Unpaired(Pairs):
    paired = False


class Distance(Metric):
    """Mean absolute difference from the target; keeps what it was given."""

    higher_is_better = False
    full_state_update = False

    def __init__(self):
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds, target, source):
        assert preds.shape == target.shape == source.shape
        self.total += (preds - target).abs().sum()
        self.count += preds.numel()

    def compute(self):
        return self.total / self.count


def pairs(count, seed):
    levels = torch.randint(0, 200, (count, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))
    return PairDataset((levels + 40).to(torch.uint8), levels.to(torch.uint8), None)


def toy():
    return Toy(Brightness(), source_shape=(1, SIDE, SIDE))


def fit(*callbacks, data=None, steps=4, model=None, **kwargs):
    data = Pairs(batch_size=16) if data is None else data
    return train(toy() if model is None else model, steps, loader=lambda *_: data, callbacks=list(callbacks), **kwargs)


def metrics(**kwargs):
    return MetricsCallback(DigitsFeatures(), **{"every_n_steps": 2, "extra_metrics": {"l1": Distance()}, **kwargs})


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))


def test_the_picture_is_input_generated_and_target_of_held_out_pairs(tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr(samples, "log_image", lambda trainer, name, picture: logged.append(name))
    model, grid = toy(), SampleGrid(every_n_steps=2, num_samples=3)
    fit(grid, model=model, default_root_dir=tmp_path)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "step_000000002.png",
        "step_000000004.png",
    ]
    assert set(logged) == {"samples/grid"}
    held_out = pairs(24, seed=1)
    chosen = [0, 11, 23]  # spread over all
    source, target = from_uint8(held_out.sources[chosen]), from_uint8(held_out.images[chosen])
    expected = translation_figure(source, model.translate(source), target)
    with Image.open(grid.path) as picture:
        assert picture.tobytes() == expected.tobytes()


def test_without_pairs_there_is_no_target_to_draw(monkeypatch):
    shown = []
    monkeypatch.setattr(grids, "translation_figure", lambda *images: shown.append(images) or Image.new("RGB", (8, 8)))
    fit(SampleGrid(), data=Unpaired(batch_size=16))
    (source, generated, target) = shown[0]
    assert len(source) == len(generated) == 8
    assert target is None


def test_what_else_a_translator_shows_is_drawn_beside(tmp_path):
    class Cycle(Toy):
        def visuals(self, batch, seed=0):
            assert isinstance(batch, Batch)
            assert batch.image.is_floating_point()
            return super().visuals(batch, seed) | {"cycles": self.translate(batch.condition.source)[None]}

    fit(SampleGrid(), model=Cycle(Brightness()), default_root_dir=tmp_path)
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert names == {"step_000000004.png", "cycles_000000004.png"}


def test_metrics_are_those_of_held_out_pairs():
    model, callback = toy(), metrics(num_samples=20)
    values = fit(callback, model=model).callback_metrics
    held_out = pairs(24, seed=1)
    chosen = torch.linspace(0, 23, 20).long()
    generated = model.translate(from_uint8(held_out.sources[chosen])).clamp(-1, 1)
    expected = (generated - from_uint8(held_out.images[chosen])).abs().mean() / 2  # in [0, 1]
    assert float(values["metrics/l1"]) == pytest.approx(float(expected), abs=1 / 255)
    provenance = callback.report.provenance
    assert (provenance["fake"]["count"], provenance["real"]["count"]) == (20, 24)
    assert provenance["real"]["sha256"] == held_out.fingerprint()
    assert callback.metric_names()["metrics/l1"] is False
    assert callback.metric_names().keys() == {name for name in values if name.startswith("metrics/")}


def test_a_better_translation_is_closer_and_has_a_better_fid():
    callback = metrics(every_n_steps=100)
    runs = [fit(callback, model=Toy(Brightness(1.2)), steps=steps).callback_metrics for steps in (1, 8)]
    for name in ("metrics/l1", "metrics/fid_digits"):
        first, last = (float(run[name]) for run in runs)
        assert last < first, name


def test_pairs_of_a_plain_validation_loader(tmp_path):
    """In fit the validation loader's; where there is none, the training loader's."""
    held_out, learned = (
        StackDataset(image=from_uint8(found.images), source=from_uint8(found.sources))
        for found in (pairs(24, seed=1), pairs(64, seed=0))
    )
    for loaders, count in (([DataLoader(held_out, 8)], 24), ([], 64)):

        class Own(Toy):
            def val_dataloader(self, loaders=loaders):
                return loaders

        callback, grid = metrics(), SampleGrid(num_samples=4)
        data = DataLoader(learned, batch_size=16, drop_last=True)
        fit(callback, grid, data=data, model=Own(Brightness()), limit_val_batches=1, default_root_dir=tmp_path)
        assert callback.report.provenance["fake"]["count"] == count
        assert grid.path.is_file()


def test_pairs_may_be_tuples():
    data = TensorDataset(*(torch.rand(32, 1, SIDE, SIDE) * 2 - 1 for _ in range(2)))
    callback = metrics()
    fit(callback, SampleGrid(num_samples=4), data=DataLoader(data, batch_size=16))
    assert callback.report.provenance["fake"]["count"] == 32


def test_validate_measures_the_held_out_pairs():
    trainer = Trainer(accelerator="cpu", logger=False, callbacks=[metrics()], enable_progress_bar=False)
    (result,) = trainer.validate(toy(), Pairs(batch_size=8), verbose=False)
    assert result["metrics/l1"] == pytest.approx(abs(40 / 255 - 0.125), abs=0.01)


def test_without_pairs_what_compares_them_is_left_out():
    callback = metrics()
    with pytest.warns(LightningGANsWarning, match="no l1: it compares pairs"):
        values = fit(callback, data=Unpaired(batch_size=16)).callback_metrics
    assert "metrics/l1" not in values
    assert "metrics/fid_digits" in values


def test_a_model_that_neither_samples_nor_translates_is_refused():
    class Mute(Game):
        def __init__(self):
            super().__init__()
            self.network = Brightness()

        def players(self):
            return [Player("network", lambda batch: self.network(batch.images).mean(), [self.network], SGD)]

    for callback, name in ((SampleGrid(), "samples"), (metrics(), "metrics")):
        with pytest.raises(ConfigError, match=f"{name}='Mute': needs a model with sample.*translate"):
            fit(callback, model=Mute())


def test_the_model_is_asked_for_all_that_is_given():
    """A model with a mask gets the mask of the pairs, too."""

    class Masked(Toy):
        given = ("source", "mask")

        def generate(self, condition, *, n, seed=0, start=0, ema=True):
            assert condition.mask is not None
            return super().generate(condition, n=n, seed=seed, start=start, ema=ema)

    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Brightness()

        def forward(self, source, mask=None):
            return self.inner(source)

    images = torch.rand(32, 1, SIDE, SIDE) * 2 - 1
    data = StackDataset(image=images, source=images, mask=torch.zeros(32, 1, SIDE, SIDE))
    grid, callback = SampleGrid(num_samples=8), metrics()
    fit(grid, callback, data=DataLoader(data, batch_size=16), model=Masked(Inner()))
    assert grid.path.is_file()
    assert callback.report.provenance["fake"]["count"] == 32
