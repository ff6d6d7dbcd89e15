"""A loader that goes on where training stopped: order, position, workers, processes."""

import itertools

import pytest
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from torch.utils.data import DataLoader

from lightning_gans import GAN
from lightning_gans.data import Digits, Ring2D
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.data.loading import SeededDistributedSampler, StatefulDataLoader
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.cases import few
from tests.games import gan

BATCHES = 4  # in an epoch


class Numbered(Digits):
    """Fourteen images; the label is the number."""

    def __init__(self, batch_size=3, num_workers=0, seed=0):
        super().__init__(batch_size, num_workers, seed)

    def load_train(self):
        return ImageDataset(torch.zeros(14, 1, 8, 8, dtype=torch.uint8), torch.arange(14))


class Recording(GAN):
    """Remembers which images each step has seen."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(MLPGenerator(2, (1, 8, 8), (4,)), MLPDiscriminator((1, 8, 8), (4,)))
        self.seen = []

    def training_step(self, batch, batch_idx):
        self.seen.append(batch[1].tolist())
        super().training_step(batch, batch_idx)


class SaveAt(Callback):
    """Saves in a hook, after so many steps."""

    def __init__(self, path, hook, steps):
        self.path, self.rounds = path, steps
        setattr(self, hook, self.save)

    def save(self, trainer, *_):
        if trainer.global_step == self.rounds and not self.path.exists():
            trainer.save_checkpoint(self.path)


def fit(steps, *callbacks, workers=0, ckpt=None, batch_size=3, **limits):
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    settings = {"max_steps": steps, "max_epochs": -1, "accelerator": "cpu", **limits, **off}
    model = Recording()
    trainer = Trainer(callbacks=list(callbacks), **settings)
    trainer.fit(model, datamodule=Numbered(batch_size, workers), ckpt_path=ckpt)
    return model.seen


def flat(batches):
    return list(itertools.chain.from_iterable(batches))


@pytest.fixture(scope="module")
def whole():
    return fit(14)


def test_an_epoch_shows_every_image_at_most_once_and_epochs_differ(whole):
    epochs = [flat(whole[first : first + BATCHES]) for first in range(0, 12, BATCHES)]
    assert all(len(set(epoch)) == 3 * BATCHES for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 3


def test_workers_change_nothing(whole):
    assert fit(14, workers=2) == whole


STOPS = [
    *(("on_train_batch_end", steps) for steps in (2, 4, 6, 8)),  # in an epoch, on its last batch
    *(("on_train_batch_start", steps) for steps in (6, 8)),  # where Ctrl-C saves: one batch is loaded, not trained on
    ("on_train_epoch_end", 8),
    *(("on_train_end", steps) for steps in (2, 4, 6, 8)),  # a run that is prolonged
]


@pytest.mark.filterwarnings("ignore:.*smaller than the logging")
@pytest.mark.parametrize(
    ("hook", "steps"),
    few(STOPS, [STOPS[0], STOPS[3], STOPS[4], STOPS[-1]]),
    ids=lambda value: str(value).removeprefix("on_train_"),
)
def test_a_run_goes_on_with_the_batches_it_would_have_seen(whole, tmp_path, hook, steps):
    path = tmp_path / "stop.ckpt"
    fit(steps if hook == "on_train_end" else 10, SaveAt(path, hook, steps))
    assert fit(14, ckpt=path) == whole[steps:]
    twice = tmp_path / "again.ckpt"
    fit(11, SaveAt(twice, "on_train_end", 11), ckpt=path)
    assert fit(14, ckpt=twice) == whole[11:]


@pytest.mark.parametrize(("hook", "steps"), [STOPS[2], STOPS[3], STOPS[9]])
def test_with_workers_it_does_too(whole, tmp_path, hook, steps):
    path = tmp_path / "stop.ckpt"
    fit(steps if hook == "on_train_end" else 10, SaveAt(path, hook, steps), workers=2)
    assert fit(14, ckpt=path, workers=2) == whole[steps:]


def test_with_shortened_epochs_it_does_too(tmp_path):
    path = tmp_path / "stop.ckpt"
    expected = fit(11, limit_train_batches=3)
    fit(5, SaveAt(path, "on_train_end", 5), limit_train_batches=3)
    assert fit(11, ckpt=path, limit_train_batches=3) == expected[5:]


def test_another_batch_size_goes_on_with_the_next_whole_batch(whole, tmp_path):
    path = tmp_path / "stop.ckpt"
    fit(6, SaveAt(path, "on_train_end", 6))
    pairs = fit(12, batch_size=2)  # seven batches an epoch; of the second one, three are behind
    assert fit(8, ckpt=path, batch_size=2) == pairs[10:12]
    assert flat(pairs[7:10]) == flat(whole[4:6])


def test_what_is_skipped_is_not_loaded():
    loaded = []

    class Watched(ImageDataset):
        def __getitems__(self, indices):
            loaded.extend(indices)
            return super().__getitems__(indices)

    data = Numbered()
    data._train = Watched(torch.zeros(14, 1, 8, 8, dtype=torch.uint8), torch.arange(14))
    loader = data.train_dataloader()
    loader.processed = lambda: 7
    next(iter(loader))
    assert len(loaded) == 3


@pytest.mark.filterwarnings("ignore:You requested to overfit")
def test_overfitting_takes_the_first_batches_as_lightning_does(tmp_path):
    path = tmp_path / "stop.ckpt"
    assert fit(4, SaveAt(path, "on_train_end", 4), overfit_batches=2) == [[0, 1, 2], [3, 4, 5]] * 2
    assert fit(6, ckpt=path, overfit_batches=2) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("first", [None, 0, 3, 5])
def test_processes_together_see_what_one_would_see(world, first):
    dataset, size = range(26), 2
    orders = [SeededDistributedSampler(dataset, size, world, rank, seed=5) for rank in range(world)]
    for order in orders:
        order.first = first
    dealt = [list(order) for order in orders]
    assert all(len(rows) == len(orders[0]) for rows in dealt)
    together = list(itertools.chain.from_iterable(zip(*dealt, strict=True)))
    one = SeededDistributedSampler(dataset, size * world, seed=5)
    one.first = first
    assert together == list(one)


def test_a_pass_continues_into_the_next_epoch():
    order = SeededDistributedSampler(range(10), 2)
    whole = []
    for epoch in (0, 1):
        order.set_epoch(epoch)
        whole += list(order)
    order.first = 3
    assert list(order) == whole[6:16]
    assert min(whole[10:]) >= 10  # rows of the second epoch are numbered on


def test_the_state_counts_what_was_trained_on_not_what_was_loaded():
    data = Numbered(num_workers=2)
    loader = data.train_dataloader()
    trained = [1]
    loader.processed = lambda: trained[0]
    batches = iter(loader)
    next(batches), next(batches)
    assert loader.state_dict() == {"epoch": 0, "rows": 3}
    trained[0] = 6
    assert loader.state_dict() == {"epoch": 1, "rows": 6}


def test_it_is_a_loader_for_loops_without_a_trainer():
    loader = Numbered().train_dataloader()
    assert isinstance(loader, DataLoader)
    assert isinstance(loader, StatefulDataLoader)
    passes = []
    for epoch in (0, 0, 1):
        loader.sampler.set_epoch(epoch)
        passes.append(torch.cat([labels for _, labels in loader]).tolist())
    assert passes[0] == passes[1] != passes[2]
    assert len(loader) == BATCHES


def first_points(seed=None):
    data = Ring2D(batch_size=32, num_samples=64, seed=seed)
    return data.train_dataset.points, next(iter(data.train_dataloader()))[0]


def equal(first, second):
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_data_follow_seed_everything_unless_they_have_a_seed():
    assert equal(first_points(), first_points(0))
    seed_everything(3, verbose=False)
    assert equal(first_points(), first_points(3))
    assert not torch.equal(first_points()[0], first_points(0)[0])
    assert equal(first_points(0), first_points(0))
    assert not torch.equal(first_points()[1], first_points(0)[1])


@pytest.mark.parametrize(("given", "expected"), [(None, 3), (5, 5)])
def test_a_run_that_goes_on_keeps_its_data(given, expected, tmp_path):
    """In a process of another seed, or of none; points are drawn before the checkpoint is read."""

    def trained(steps, data, path=None):
        run = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
        trainer = Trainer(max_steps=steps, enable_model_summary=False, **run)
        trainer.fit(gan(), datamodule=data, ckpt_path=path)
        return trainer

    seed_everything(3, verbose=False)
    trained(2, Ring2D(batch_size=32, num_samples=64)).save_checkpoint(tmp_path / "model.ckpt")
    seed_everything(4, verbose=False)
    data = Ring2D(batch_size=32, num_samples=64, seed=given)
    data.setup()
    trained(4, data, tmp_path / "model.ckpt")
    assert data.seed == data.trainer.train_dataloader.sampler.seed == expected
    assert torch.equal(data.train_dataset.points, first_points(expected)[0])
