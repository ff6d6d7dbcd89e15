"""The callback that draws: what it draws of samples, points and translations, and what loggers get of it."""

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lightning_gans import GAN, ConditionalGAN
from lightning_gans.callbacks import SampleGrid, samples
from lightning_gans.data import Ring2D
from lightning_gans.engine import Game, Player
from lightning_gans.figures import grids, points
from lightning_gans.figures.grids import image_grid
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.games import SGD, networks, state, train
from tests.games import points as cloud


class Noisy(nn.Module):
    """A discriminator with everything that a look at it could disturb."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.utils.spectral_norm(nn.Linear(8, 1))
        )

    def forward(self, x):
        return self.layers(x)


def model(cls=GAN, discriminator=None, dim=2, **kwargs):
    generator, usual = networks(dim=dim)
    return cls(generator, usual if discriminator is None else discriminator, **kwargs)


def test_training_with_pictures_is_training_without(tmp_path):
    torch.manual_seed(1)
    noisy = Noisy().state_dict()
    trained = []
    for callbacks in ([], [SampleGrid(every_n_steps=1, num_samples=8)]):
        game = model(discriminator=Noisy())
        game.discriminator.load_state_dict(noisy)
        train(game, 6, callbacks=callbacks, default_root_dir=tmp_path)
        trained.append(state(game))
    assert all(torch.equal(trained[0][name], value) for name, value in trained[1].items())


class Packed(GAN):
    """Scores pairs of points, as PacGAN does."""

    def real(self, batch):
        return super().real(batch).map(lambda points: points.reshape(-1, 4))

    def fake(self, batch):
        return super().fake(batch).map(lambda points: points.reshape(-1, 4))


class Recorded(SampleGrid):
    """Keeps what it would draw."""

    def __init__(self, patch, **kwargs):
        super().__init__(**kwargs)
        self.drawn = []
        patch.setattr(points, "plot_points", self._record)
        patch.setattr(points, "plot_histogram", self._record)

    def _record(self, fake, real, window, title, modes=None, field=None):
        self.drawn.append(
            {"fake": fake, "real": real, "window": window, "title": title, "modes": modes, "field": field}
        )
        return Image.new("RGB", (8, 8))


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return Recorded(monkeypatch, every_n_steps=2)


def test_a_run_with_modes(pictures):
    data = Ring2D(num_samples=5000)
    game = model()
    train(game, 5, loader=lambda *_: data, callbacks=[pictures])
    assert [frame["title"] for frame in pictures.drawn] == ["step 2", "step 4", "step 5"]
    assert len({frame["window"] for frame in pictures.drawn}) == 1
    frame = pictures.drawn[-1]
    assert torch.equal(frame["modes"], data.means)
    assert len(frame["fake"]) == 1000
    assert len(frame["real"]) == 1000
    assert torch.equal(frame["fake"], game.sample(1000, seed=0))
    assert frame["field"] is not None


def test_a_second_fit_looks_at_its_own_data(pictures):
    train(model(), 2, callbacks=[pictures])
    train(model(), 2, data=cloud() * 10, callbacks=[pictures])
    first, second = (frame["window"].half for frame in pictures.drawn)
    assert second == pytest.approx(10 * first, rel=1e-5)
    assert float(pictures.drawn[1]["real"].abs().max()) > 10


def test_no_field_for_discriminators_of_more_than_points(pictures):
    labeled = ConditionalGAN(
        MLPGenerator(3, (2,), tanh_output=False, num_classes=2), MLPDiscriminator((2,), num_classes=2), num_classes=2
    )
    data = TensorDataset(cloud(), torch.zeros(512, dtype=torch.long))
    train(labeled, 2, loader=lambda *_: DataLoader(data, batch_size=32), callbacks=[pictures])
    train(model(Packed, MLPDiscriminator((4,))), 2, callbacks=[pictures])
    train(model(dim=3), 2, data=cloud(dim=3), callbacks=[pictures])
    assert [frame["field"] for frame in pictures.drawn] == [None] * 3


class Stream(IterableDataset):
    def __iter__(self):
        return iter(cloud())


def test_every_kind_of_points_is_drawn(tmp_path):
    for dim in (1, 3):
        train(
            model(dim=dim),
            1,
            data=cloud(dim=dim),
            callbacks=[SampleGrid(num_samples=16)],
            default_root_dir=tmp_path / f"{dim}",
        )
    stream = DataLoader(Stream(), batch_size=32)
    train(
        model(),
        1,
        loader=lambda *_: stream,
        callbacks=[SampleGrid(num_samples=16)],
        default_root_dir=tmp_path / "stream",
    )
    paths = list(tmp_path.rglob("step*.png"))
    assert len(paths) == 3
    for path in paths:
        with Image.open(path) as picture:
            assert picture.size == (720, 720)


class Pixels(Game):
    """Somebody's own model, without latents: learned pixels."""

    def __init__(self):
        super().__init__()
        self.pixels = nn.Linear(1, 16)

    def players(self):
        return [Player("pixels", lambda batch: (self.image() - batch.images).square().mean(), [self.pixels], SGD)]

    def image(self):
        return self.pixels(torch.ones(1, 1)).tanh().reshape(1, 1, 4, 4)

    def sample(self, n, *, labels=None, seed=0, truncation=None, ema=True, start=0):
        return self.image().expand(n, -1, -1, -1).detach()


def test_a_model_that_only_samples_is_drawn(tmp_path):
    callback = SampleGrid(num_samples=4)
    data = TensorDataset(torch.rand(32, 1, 4, 4) * 2 - 1)
    train(Pixels(), 2, loader=lambda *_: DataLoader(data, 16), callbacks=[callback], default_root_dir=tmp_path)
    with Image.open(callback.path) as picture:
        assert picture.width == 2 * (2 * 34 + 2) + 16  # samples and real images, and no interpolation below
        assert picture.height == 2 * 34 + 2 + 20


class FakeWriter:
    def __init__(self):
        self.images = []

    def add_image(self, name, image, step):
        self.images.append((name, tuple(image.shape), image.dtype, step))


class FakeTensorBoard(TensorBoardLogger):
    experiment = log_metrics = log_hyperparams = finalize = save = log_graph = None
    name, version, log_dir, root_dir = "tb", 0, None, None

    def __init__(self):
        self.experiment = FakeWriter()


class FakeWandb(WandbLogger):
    name, version, log_dir = "wandb", "0", None

    def __init__(self):
        self.images = []

    def log_image(self, key, images, step=None, **_):
        self.images.append((key, [image.size for image in images], step))


class FakeTrainer:
    global_step = 7

    def __init__(self, *loggers):
        self.loggers = list(loggers)


def test_loggers_get_the_picture():
    board, weights_and_biases, other = FakeTensorBoard(), FakeWandb(), object()
    samples.log_image(FakeTrainer(board, weights_and_biases, other), "samples/grid", Image.new("RGB", (6, 4)))
    assert board.experiment.images == [("samples/grid", (3, 4, 6), torch.uint8, 7)]
    assert weights_and_biases.images == [("samples/grid", [(6, 4)], 7)]


def test_tensorboards_own_writer_takes_the_picture(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install tensorboard")
    logger = TensorBoardLogger(tmp_path)
    samples.log_image(FakeTrainer(logger), "samples/grid", Image.new("RGB", (6, 4)))
    logger.experiment.flush()
    assert sum(path.stat().st_size for path in tmp_path.rglob("events.*")) > 100


def test_images_are_64_unless_said(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(grids, "sample_figure", lambda fake, *_: shown.append(len(fake)) or Image.new("RGB", (8, 8)))
    images = torch.rand(64, 1, 4, 4) * 2 - 1
    for num in (None, 5):
        game = GAN(MLPGenerator(3, (1, 4, 4)), MLPDiscriminator((1, 4, 4)))
        train(game, 1, data=images, callbacks=[SampleGrid(num_samples=num)], default_root_dir=tmp_path)
    assert shown == [64, 5]


def test_what_else_a_model_can_do_is_drawn_beside_the_samples(monkeypatch, tmp_path):
    logged = {}
    monkeypatch.setattr(samples, "log_image", lambda trainer, name, picture: logged.update({name: picture.size}))
    data = TensorDataset(torch.rand(32, 1, 8, 8) * 2 - 1, torch.arange(32) % 3)
    networks = MLPGenerator(3, (1, 8, 8), num_classes=3), MLPDiscriminator((1, 8, 8), num_classes=3)
    game, callback = ConditionalGAN(*networks, num_classes=3), SampleGrid(num_samples=16)
    train(game, 2, loader=lambda *_: DataLoader(data, batch_size=16), callbacks=[callback], default_root_dir=tmp_path)
    assert {path.name for path in tmp_path.rglob("*.png")} == {"step_000000002.png", "classes_000000002.png"}
    assert logged.keys() == {"samples/grid", "samples/classes"}
    columns, rows = ((side - 2) // (4 * 8 + 2) for side in logged["samples/classes"])  # enlarged to 32, gaps of 2
    assert (rows, columns) == (3, 8)
    assert callback.path.name == "step_000000002.png", "what the summary names is the samples"
    with Image.open(tmp_path / "samples/classes_000000002.png") as picture:
        shown = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).reshape(*picture.size[::-1], 3)
    expected = image_grid(game.visuals(None)["classes"].flatten(0, 1), 8)
    assert torch.equal(shown.permute(2, 0, 1), expected)
