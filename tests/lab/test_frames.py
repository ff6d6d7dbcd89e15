"""What frames show is what the game's networks say."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image

from lightning_gans import ConfigError, Sample
from lightning_gans.callbacks.data import spread_batch
from lightning_gans.evaluation.metrics.functional.density import kl_js_on_lattice
from lightning_gans.evaluation.metrics.functional.samples import mode_coverage
from lightning_gans.evaluation.metrics.functional.transport import optimal_transport
from lightning_gans.figures.points import undisturbed
from lightning_gans.images import to_uint8
from lightning_gans.lab.frames import PointFrames, readable_losses
from lightning_gans.lab.pictures import ImageFrames
from lightning_gans.lab.worker import WatchedCLI
from tests.games import same, state


class Done(Exception):
    pass


def networks(game):
    """All but batch norm's statistics under averaged weights, which any sampling estimates anew."""
    return {name: value for name, value in state(game).items() if not name.startswith("ema.")}


class Shows(Callback):
    """Makes one frame of an untrained game, which stays untrained."""

    def __init__(self, kind, parts):
        self.kind, self.parts = kind, parts

    def on_train_start(self, trainer, game):
        with torch.no_grad():
            for weight in game.generator.parameters():
                weight.mul_(1.5)  # the average stays behind
        before, rng = networks(game), torch.get_rng_state()
        self.made = self.kind(trainer, game)
        self.scene, self.frame, self.game = self.made.scene(), self.made.frame(self.parts), game
        self.data = trainer.datamodule
        assert same(before, networks(game))
        assert torch.equal(rng, torch.get_rng_state())
        raise Done


def shown(words, kind, parts, folder):
    shows = Shows(kind, parts)
    cli = WatchedCLI(words, str(folder), None, [shows])
    with pytest.raises(Done):
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    json.dumps([shows.scene, shows.frame], allow_nan=False)
    return shows


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    words = ["--config", "gan", "--config", "data/ring", "--data.num_samples", "2000", "--model.latent_dim", "2"]
    parts = ["fake", "surface", "grid", "pull", "transport", "measures"]
    return shown(words, PointFrames, parts, tmp_path_factory.mktemp("plane"))


def points(text, window):
    x, y, half = window
    return np.frombuffer(base64.b64decode(text), "<i2").reshape(-1, 2) / 32767 * 2 * half + [x, y]


def score(game, at):
    with undisturbed(game, game.device):
        return game.critic.logits(Sample(at))[:, 0]


def test_points_are_those_of_the_generator_as_it_is(plane):
    window = plane.scene["window"]
    fake = plane.game.sample(500, ema=False).numpy()
    assert np.abs(points(plane.frame["fake"], window) - fake).max() <= window[2] / 32767 * 1.01
    assert len(points(plane.scene["real"], window)) == 500


def test_the_surface_is_the_logits_around_the_boundary(plane):
    x, y, half = plane.scene["window"]
    values = np.frombuffer(base64.b64decode(plane.frame["surface"]), np.uint8).reshape(40, 40)
    centers = (np.arange(40) + 0.5) / 40 * 2 - 1
    places = torch.tensor([[x + u * half, y + v * half] for v in centers for u in centers]).float()
    logits = score(plane.game, places).detach().numpy().reshape(40, 40)
    low, high = plane.frame["surface_range"]
    assert np.abs(low + values / 255 * (high - low) - logits.clip(low, high)).max() <= 0.51 * (high - low) / 255
    assert low < plane.frame["boundary"] < high
    assert ((logits > low) & (logits < high)).mean() > 0.9


def test_the_pull_points_uphill_from_generated_points(plane):
    window = plane.scene["window"]
    x, y, half = window
    start, step = np.split(points(plane.frame["pull"], window).reshape(-1, 4), 2, axis=1)
    step = torch.tensor(step - [x, y]).float()  # a difference
    at = torch.tensor(start).float().requires_grad_()
    (gradient,) = torch.autograd.grad(score(plane.game, at).sum(), at)
    assert torch.allclose(torch.cosine_similarity(step, gradient), torch.ones(len(step)), atol=1e-3)
    assert step.norm(dim=1).max() <= half / 8 * 1.01
    assert np.abs(start - points(plane.frame["fake"], window)[: len(start)]).max() == 0


def test_the_grid_is_where_regular_latents_go_and_its_middle_is_that_of_the_latents(plane):
    rows = points(plane.frame["grid"], plane.scene["window"]).reshape(-1, plane.frame["grid_side"], 2)
    assert rows.shape == (21, 21, 2)
    with undisturbed(plane.game, plane.game.device), torch.no_grad():
        middle = plane.game(torch.zeros(1, 2), ema=False)[0].numpy()
        right = plane.game(torch.tensor([[2.3, 0.0]]), ema=False)[0].numpy()  # near the 99% quantile
    assert np.abs(rows[10, 10] - middle).max() < 0.02
    assert np.abs(rows[10, 20] - right).max() < 0.05
    assert np.abs(rows[20, 10] - right).max() > 0.05  # the second latent is another direction


def test_transport_leads_to_real_points_each_once_and_as_cheaply_as_can_be(plane):
    window = plane.scene["window"]
    start, goal = np.split(points(plane.frame["transport"], window).reshape(-1, 4), 2, axis=1)
    real = points(plane.scene["real"], window)[: len(goal)]
    assert sorted(map(tuple, goal)) == sorted(map(tuple, real))
    best = optimal_transport(torch.tensor(real.copy()), torch.tensor(start.copy())).distance
    assert np.linalg.norm(goal - start, axis=1).mean() == pytest.approx(float(best), abs=1e-3)
    assert plane.frame["measures"]["w1"] == pytest.approx(float(best), abs=1e-3)


def test_a_small_cloud_is_shown_with_the_way_to_it(tmp_path):
    words = ["--config", "gan", "--config", "data/points", "--data.points", "[[3,0]]", "--data.std", "0.05"]
    scene = shown(words, PointFrames, ["fake"], tmp_path).scene
    x, y, half = scene["window"]
    assert half == 1
    assert np.allclose([x, y], [3, 0], atol=0.1)


def test_the_floor_is_what_real_points_have(plane):
    floor, measures = plane.scene["floor"], plane.frame["measures"]
    assert floor.keys() == {"kl", "js", "w1"}
    for name, value in floor.items():
        assert 0 < value < measures[name]
    data = spread_batch(plane.data.train_dataset, 2000).images  # all of them
    x, y, half = plane.scene["window"]
    assert floor["js"] == pytest.approx(float(kl_js_on_lattice(data[::2], data[1::2], (x, y), half).js))


def test_measures_are_those_of_a_thousand_points(plane):
    measures, data = plane.frame["measures"], plane.data
    fake = plane.game.sample(1000, ema=False)
    for name, value in mode_coverage(fake, data.means, torch.tensor(data.std), 3.0)._asdict().items():
        assert measures[name] == (pytest.approx(float(value)) if value.isfinite() else None)  # JSON knows no NaN
    x, y, half = plane.scene["window"]
    expected = kl_js_on_lattice(data.reference_dataset.points[:1000], fake, (x, y), half)
    assert (measures["kl"], measures["js"]) == pytest.approx((float(expected.kl), float(expected.js)), rel=0.05)


def test_what_is_switched_off_is_absent(plane):
    assert plane.made.frame([]) == {}
    assert set(plane.made.frame(["surface"])) == {"surface", "surface_range", "boundary"}


def test_losses_of_many_steps_are_few_and_no_number_is_none():
    losses = {"generator": [(step, torch.tensor(float(step))) for step in range(1000)], "idle": []}
    found = readable_losses(losses | {"lost": [(0, torch.tensor(float("nan")))]})
    assert found["generator"][:2] == [[0, 0.0], [10, 10.0]]
    assert len(found["generator"]) == 100
    assert found["idle"] == []
    assert found["lost"] == [[0, None]]


# Images.


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    words = ["--config", "cgan"]
    return shown(words, ImageFrames, ["samples", "verdicts", "visuals"], tmp_path_factory.mktemp("digits"))


def pixels(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_samples_are_what_the_generator_makes_and_verdicts_what_the_discriminator_says(digits):
    game, frame = digits.game, digits.frame
    made = game.sample(16, ema=False)
    assert all(
        (pixels(url) == to_uint8(image)[0].numpy()).all() for url, image in zip(frame["samples"], made, strict=True)
    )
    condition = game.sample_condition(0, 16, 0)
    with undisturbed(game, game.device), torch.no_grad():
        probability = game.critic.logits(Sample(made, condition)).sigmoid()[:, 0]
    assert frame["verdicts"] == pytest.approx((100 * probability).tolist(), abs=0.051)
    assert digits.scene["verdict"] == "probability"
    assert len(frame["real_verdicts"]) == len(digits.scene["real"]) == 16
    assert list(frame["visuals"]) == ["classes"]


def test_a_slider_over_latents_makes_what_sampling_makes(digits):
    latent = digits.made.answer("latent", seed=3, index=1)["z"]
    (url,) = digits.made.answer("images", z=[latent], label=4, average=False)["samples"]
    (_, second), _ = digits.made.answer("samples", n=2, seed=3, label=4, average=False).values()
    assert (pixels(url) == pixels(second)).all()
    assert len(digits.made.answer("walk", steps=5)["samples"]) == 5


@pytest.mark.parametrize(
    ("kind", "what", "line"),
    [
        ("dance", {}, "is nothing that ConditionalGAN answers"),
        ("rebuild", {}, "has no encoder"),
        ("samples", {"n": 65}, "n=65: from 1 to 64 images"),
        ("samples", {"label": 10}, "label=10: classes are 0 to 9"),
        ("images", {"z": [[0.0]]}, "up to 64 rows of 64 numbers"),
    ],
)
def test_what_cannot_be_answered_is_refused(digits, kind, what, line):
    with pytest.raises(ConfigError, match=line):
        digits.made.answer(kind, **what)


def test_a_critic_that_knows_no_probability_ranks_among_real_images(tmp_path):
    critic = shown(["--config", "wgan"], ImageFrames, ["samples", "verdicts"], tmp_path)
    assert critic.scene["verdict"] == "rank"
    game, made = critic.game, critic.made
    with undisturbed(game, game.device), torch.no_grad():
        real = game.critic.logits(Sample(made._batch.images))[:, 0]
    ranks = 100 * (real[None] < real[:16, None]).double().mean(1)
    assert critic.frame["real_verdicts"] == pytest.approx(ranks.tolist(), abs=0.051)
