"""Pictures of points, and what loggers get of pictures."""

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from lightning_gans import GAN, LSGAN, WGAN, ConditionalGAN, HingeGAN, MinimaxGAN
from lightning_gans.callbacks import SampleGrid, samples
from lightning_gans.figures.points import View, draw_points, field_of, judges_points_of_the_plane
from lightning_gans.data import Ring2D
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.games import networks, state, train
from tests.games import points as cloud

W, B = torch.tensor([2.0, -1.0]), 0.5


class Linear(nn.Module):
    def __init__(self, weight=W, bias=B):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.clone()), bias

    def forward(self, x):
        return (x @ self.weight + self.bias)[:, None]


class Noisy(nn.Module):
    """A discriminator with everything that a look at it could disturb."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.utils.spectral_norm(nn.Linear(8, 1))
        )

    def forward(self, x):
        return self.layers(x)


class InstanceNoise(GAN):
    def judge(self, *inputs):
        return super().judge(*(x + 0.1 * torch.randn_like(x) for x in inputs))


def model(cls=GAN, discriminator=None, dim=2, **kwargs):
    generator, usual = networks(dim=dim)
    return cls(generator, usual if discriminator is None else discriminator, **kwargs)


def one_batch(data):
    return next(iter(DataLoader(data, batch_size=32)))


def test_field_of_a_linear_discriminator():
    real, fake, view = cloud(), cloud(seed=1), View((1.0, -2.0), 3.0)
    field = field_of(model(discriminator=Linear()), real, fake, view)
    side = len(field.logits)
    lattice = view.lattice(side).float()
    assert torch.allclose(field.logits, (lattice @ W + B).reshape(side, side), atol=1e-5)
    assert torch.allclose(field.pull, W.expand(200, 2))
    assert field.level == pytest.approx(float((real.mean(0) + fake.mean(0)) @ W / 2 + B), abs=1e-5)
    assert torch.equal(lattice[0], torch.tensor([-2.0, -5.0]))  # lower left
    assert torch.equal(lattice[-1], torch.tensor([4.0, 1.0]))  # upper right


@pytest.mark.parametrize("cls", [GAN, MinimaxGAN, HingeGAN, WGAN, LSGAN])
def test_pull_is_where_the_generators_loss_falls(cls):
    small = Linear(W * 0.01, 0.0)  # below the target of least squares
    game = model(cls, small)
    fake = cloud(seed=1).requires_grad_()
    game.fake = lambda batch: (fake,)
    (gradient,) = torch.autograd.grad(game.generator_loss(cloud()), fake)
    pull = field_of(game, cloud(), fake, View.of(cloud())).pull
    assert torch.allclose(torch.cosine_similarity(-gradient[:200], pull), torch.ones(200), atol=1e-5)


def test_a_look_disturbs_nothing():
    game = model(InstanceNoise, Noisy())
    game.discriminator.layers[0].eval()
    modes = [part.training for part in game.modules()]
    before, rng = state(game), torch.get_rng_state()
    judges_points_of_the_plane(game, cloud())
    field_of(game, cloud(), cloud(seed=1), View.of(cloud()))
    assert torch.equal(torch.get_rng_state(), rng)
    assert [part.training for part in game.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in state(game).items())
    assert all(p.grad is None and p.requires_grad for p in game.parameters())


def test_training_with_pictures_is_training_without(tmp_path):
    torch.manual_seed(1)
    noisy = Noisy().state_dict()
    trained = []
    for callbacks in ([], [SampleGrid(every_n_steps=1, num=8)]):
        game = model(discriminator=Noisy())
        game.discriminator.load_state_dict(noisy)
        train(game, 6, callbacks=callbacks, default_root_dir=tmp_path)
        trained.append(state(game))
    assert all(torch.equal(trained[0][name], value) for name, value in trained[1].items())


def colors(picture, where):
    """Mean color in a part of the axes; ``where`` are fractions (left, top, right, bottom) of the picture."""
    box = [round(fraction * side) for fraction, side in zip(where, picture.size * 2, strict=True)]
    pixels = torch.frombuffer(bytearray(picture.crop(box).tobytes()), dtype=torch.uint8)
    return pixels.reshape(-1, 3).double().mean(0)


def drawn(weight, fake, **kwargs):
    view = View((0.0, 0.0), 1.0)
    real = torch.zeros(1, 2)
    field = field_of(model(discriminator=Linear(torch.tensor(weight), 0.0)), real, real, view)
    return draw_points(fake, None, view, "", field=field, **kwargs)


def test_up_is_up_and_right_is_right():
    nothing = torch.full((1, 2), 9.0)
    top, bottom = (0.3, 0.15, 0.7, 0.25), (0.3, 0.75, 0.7, 0.85)
    left, right = (0.15, 0.3, 0.25, 0.7), (0.75, 0.3, 0.85, 0.7)
    for weight, real_side, fake_side in (([0.0, 1.0], top, bottom), ([1.0, 0.0], right, left)):
        picture = drawn(weight, nothing)
        real, fake = colors(picture, real_side), colors(picture, fake_side)
        assert real[2] > real[0] + 50, "not blue"
        assert fake[0] > fake[2] + 50, "not red"


def test_points_and_modes_are_where_they_are():
    corner = torch.tensor([[0.8, 0.8]])
    view, nothing = View((0.0, 0.0), 1.0), torch.full((1, 2), 9.0)
    there, elsewhere = (0.78, 0.12, 0.86, 0.2), (0.1, 0.7, 0.3, 0.8)
    empty = colors(draw_points(nothing, None, view, ""), there)
    for shown in ({"fake": corner}, {"fake": nothing, "modes": corner}, {"fake": nothing, "real": corner}):
        picture = draw_points(**{"real": None, "view": view, "title": "", **shown})
        assert not torch.equal(colors(picture, there), empty)
        assert torch.equal(colors(picture, elsewhere), torch.full((3,), 255.0).double())


def test_view_counts_what_it_does_not_show():
    view = View.of(cloud())
    assert view.outside(cloud()) == 0
    assert view.outside(torch.tensor([[1.0, 1.0], [99.0, 0.0], [float("nan"), 0.0]])) == 2


def test_field_is_left_out_where_logits_are_no_numbers():
    broken = Linear(torch.tensor([float("nan"), 0.0]))
    assert field_of(model(discriminator=broken), cloud(), cloud(), View.of(cloud())) is None


class Packed(GAN):
    """Judges pairs of points, as PacGAN does."""

    def real(self, batch):
        return (super().real(batch)[0].reshape(-1, 4),)

    def fake(self, batch, z=None):
        return (super().fake(batch, z)[0].reshape(-1, 4),)


class Recorded(SampleGrid):
    """Keeps what it would draw."""

    def __init__(self, patch, **kwargs):
        super().__init__(**kwargs)
        self.drawn = []
        patch.setattr(samples, "draw_points", self._record)
        patch.setattr(samples, "draw_histogram", self._record)

    def _record(self, fake, real, view, title, modes=None, field=None):
        self.drawn.append({"fake": fake, "real": real, "view": view, "title": title, "modes": modes, "field": field})
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
    assert len({frame["view"] for frame in pictures.drawn}) == 1
    frame = pictures.drawn[-1]
    assert torch.equal(frame["modes"], data.means)
    assert len(frame["fake"]) == 1000
    assert len(frame["real"]) == 1000
    assert torch.equal(frame["fake"], game.sample(1000, seed=0))
    assert frame["field"] is not None


def test_a_second_fit_looks_at_its_own_data(pictures):
    train(model(), 2, callbacks=[pictures])
    train(model(), 2, data=cloud() * 10, callbacks=[pictures])
    first, second = (frame["view"].half for frame in pictures.drawn)
    assert second == pytest.approx(10 * first, rel=1e-5)
    assert float(pictures.drawn[1]["real"].abs().max()) > 10


def test_no_field_for_judges_of_more_than_points(pictures):
    labeled = ConditionalGAN(
        MLPGenerator(3, (2,), tanh_output=False, num_classes=2), MLPDiscriminator((2,), num_classes=2), num_classes=2
    )
    data = torch.utils.data.TensorDataset(cloud(), torch.zeros(512, dtype=torch.long))
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
            model(dim=dim), 1, data=cloud(dim=dim), callbacks=[SampleGrid(num=16)], default_root_dir=tmp_path / f"{dim}"
        )
    stream = DataLoader(Stream(), batch_size=32)
    train(model(), 1, loader=lambda *_: stream, callbacks=[SampleGrid(num=16)], default_root_dir=tmp_path / "stream")
    paths = list(tmp_path.rglob("step*.png"))
    assert len(paths) == 3
    for path in paths:
        with Image.open(path) as picture:
            assert picture.size == (720, 720)


def test_points_that_are_no_numbers_are_counted_and_left_out():
    lost = torch.full((8, 2), float("inf"))
    lost[::2] = float("nan")
    view = View.of(cloud())
    assert view.outside(lost) == 8
    assert draw_points(lost, cloud(), view, "lost").size == (720, 720)


def test_a_picture_keeps_no_figure_open():
    from matplotlib import pyplot

    draw_points(cloud(), None, View.of(cloud()), "")
    assert pyplot.get_fignums() == []


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
    samples.log_picture(FakeTrainer(board, weights_and_biases, other), "samples/grid", Image.new("RGB", (6, 4)))
    assert board.experiment.images == [("samples/grid", (3, 4, 6), torch.uint8, 7)]
    assert weights_and_biases.images == [("samples/grid", [(6, 4)], 7)]


def test_tensorboards_own_writer_takes_the_picture(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install tensorboard")
    logger = TensorBoardLogger(tmp_path)
    samples.log_picture(FakeTrainer(logger), "samples/grid", Image.new("RGB", (6, 4)))
    logger.experiment.flush()
    assert sum(path.stat().st_size for path in tmp_path.rglob("events.*")) > 100


def test_images_are_64_unless_said(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(samples, "compose", lambda fake, *_: shown.append(len(fake)) or Image.new("RGB", (8, 8)))
    images = torch.rand(64, 1, 4, 4) * 2 - 1
    for num in (None, 5):
        game = GAN(MLPGenerator(3, (1, 4, 4)), MLPDiscriminator((1, 4, 4)))
        train(game, 1, data=images, callbacks=[SampleGrid(num=num)], default_root_dir=tmp_path)
    assert shown == [64, 5]


def test_panels_of_images_lie_beside_and_below():
    dark, light = torch.full((4, 1, 8, 8), -1.0), torch.full((4, 3, 8, 8), 1.0)
    picture = samples.compose(dark, dark[:2], light)
    side = samples.grid(dark, 2).shape[-1]
    assert picture.width == 2 * side + samples._GAP
    assert picture.height == side + samples.grid(dark[:2], 2).shape[-2] + 2 * samples._CAPTION
    assert picture.getpixel((10, samples._CAPTION + 10)) == (0, 0, 0)  # generated
    assert picture.getpixel((10, side + 2 * samples._CAPTION + 10)) == (0, 0, 0)  # between two latents
    assert picture.getpixel((side + samples._GAP + 10, samples._CAPTION + 10)) == (255, 255, 255)  # real
    assert samples.compose(dark, dark[:2], None).width == side


def test_what_else_a_model_can_do_is_drawn_beside_the_samples(monkeypatch, tmp_path):
    logged = {}
    monkeypatch.setattr(samples, "log_picture", lambda trainer, name, picture: logged.update({name: picture.size}))
    data = torch.utils.data.TensorDataset(torch.rand(32, 1, 8, 8) * 2 - 1, torch.arange(32) % 3)
    networks = MLPGenerator(3, (1, 8, 8), num_classes=3), MLPDiscriminator((1, 8, 8), num_classes=3)
    game, callback = ConditionalGAN(*networks, num_classes=3), SampleGrid(num=16)
    train(game, 2, loader=lambda *_: DataLoader(data, batch_size=16), callbacks=[callback], default_root_dir=tmp_path)
    assert {path.name for path in tmp_path.rglob("*.png")} == {"round_000000002.png", "classes_000000002.png"}
    assert logged.keys() == {"samples/grid", "samples/classes"}
    columns, rows = ((side - 2) // (4 * 8 + 2) for side in logged["samples/classes"])  # enlarged to 32, gaps of 2
    assert (rows, columns) == (3, 8)
    assert callback.path.name == "round_000000002.png", "what the summary names is the samples"
    with Image.open(tmp_path / "samples/classes_000000002.png") as picture:
        shown = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).reshape(*picture.size[::-1], 3)
    expected = samples.grid(game.panels(None)["classes"].flatten(0, 1), 8)
    assert torch.equal(shown.permute(2, 0, 1), expected)
