"""Each exercise's answer is true: of its own games at a small size, or of what is computed for it."""

import math
import random
import re
import runpy
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from torch.distributions import Binomial, MultivariateNormal
from torch.nn import functional as F

from lightning_gans.data import Line2D
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics.functional.transport import optimal_transport
from lightning_gans.figures.points import PlotWindow
from lightning_gans.lab import quiz
from lightning_gans.lab.demonstrations import DEMONSTRATIONS
from lightning_gans.lab.exercises import exercise, exercises
from lightning_gans.lab.words import Words
from lightning_gans.lab.worker import WatchedCLI

ROOT = Path(__file__).parents[2]
HEAD_START = "300"
"""Steps that D has for itself in exercises 2, 3 and 6."""


class At(Callback):
    """Calls a function with the model, before some steps."""

    def __init__(self, *steps, call):
        self.steps, self.call, self.seen = steps, call, []

    def on_train_batch_start(self, trainer, model, batch, batch_idx):
        if model.step in self.steps:
            self.seen.append(self.call(model))


@pytest.fixture
def play(tmp_path):
    """Play an exercise's game, by its place, for some steps, as the lab does, smaller."""

    def played(number, game=0, *callbacks, steps, head_start=100, **settings):
        words = [*exercise(number).games.values()][game]
        words = Words(tuple(re.sub(rf'"step": {HEAD_START}\b', f'"step": {head_start}', word) for word in words))
        for setting, value in {"data.num_samples": 4000, "data.batch_size": 64, "trainer.max_steps": steps}.items():
            words = words.with_value(setting, value)
        for setting, value in settings.items():
            words = words.with_value(setting.replace("__", "."), value)
        cli = WatchedCLI(words.words, str(tmp_path), None, callbacks)
        cli.trainer.fit(cli.model, datamodule=cli.datamodule)
        return cli.model, cli.datamodule

    return played


def demonstrated(number):
    """The numbers of an exercise's computation, all of which its answer may quote."""
    return DEMONSTRATIONS[exercise(number).demonstration]().numbers


def quotes(number, *values):
    """Whether the answer has all of these numbers, each rounded to the digits that it gives."""
    told = re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", exercise(number).answer)
    return all(any(is_rounded(each, value) for each in told) for value in values)


def is_rounded(text, value):
    last_digit = Decimal(text).as_tuple().exponent
    return abs(Decimal(text) - Decimal(value)) <= Decimal(51).scaleb(last_digit - 2)


def samples(model):
    return model.sample(500, seed=0, ema=False)


def test_1_d_goes_to_the_ratio_of_densities_and_its_loss_to_log_4_less_2_jsd(play):
    model, data = play(1, steps=150, data__batch_size=256, model__optimization__discriminator__lr=0.008)
    weight, bias = (each.detach().double() for each in model.generator.layers[0].parameters())
    x = PlotWindow((0.0, 0.0), 2.5).lattice(101)
    area = (5 / 100) ** 2
    p, q = data.density(x), MultivariateNormal(bias, weight @ weight.T).log_prob(x).exp()
    with torch.no_grad():
        logits = model.discriminator(x.float())[:, 0].double()
    assert float(((logits.sigmoid() - p / (p + q)).abs() * (p + q)).sum() / (p + q).sum()) < 0.06
    loss = float((p * F.softplus(-logits) + q * F.softplus(logits)).sum() * area)
    jsd = sum(float((0.5 * each * (2 * each / (p + q)).log()).nan_to_num().sum() * area) for each in (p, q))
    assert loss == pytest.approx(math.log(4) - 2 * jsd, abs=0.04)
    assert 0.2 < math.log(4) - 2 * jsd < math.log(4) - 0.2


def test_2_against_a_d_that_stands_still_all_points_go_to_its_maximum(play):
    model, _ = play(2, steps=200, head_start=100, model__optimization__generator__lr=0.05)
    points = samples(model)
    assert points.std(0).max() < 0.01
    around = points.mean(0) + PlotWindow((0.0, 0.0), 0.3).lattice(31).float()
    with torch.no_grad():
        assert model.discriminator(points).mean() > model.discriminator(around).max() - 0.05


def test_3_the_minimax_loss_is_flat_where_d_is_sure():
    slopes = demonstrated(3)
    assert [round(each, 6) for each in slopes.values()] == [0.01, 0.5, 0.99, 0.5]
    assert quotes(3, *slopes.values())


@pytest.mark.slow  # of the same objectives
def test_3_the_minimax_g_hardly_moves(play):
    ways = []
    for game in (0, 1):
        seen = At(150, 174, call=samples)
        play(3, game, seen, steps=175, head_start=150)
        ways.append(float((seen.seen[1] - seen.seen[0]).norm(dim=1).mean()))
    assert ways[1] > 10 * ways[0]


def test_4_two_players_circle_and_r1_lets_them_arrive():
    numbers = demonstrated(4)
    at_once, in_turn, with_r1, _ = numbers.values()
    assert at_once == pytest.approx(2**0.5 * 1.01**100)  # each step multiplies the distance by sqrt(1 + 0.1^2)
    assert in_turn == pytest.approx(2**0.5, rel=0.1)
    assert with_r1 < 1e-3
    assert quotes(4, 2**0.5, at_once, with_r1)


@pytest.mark.slow  # of the same losses
def test_4_in_the_plane_too(play):
    far = [float(play(4, game, steps=150)[0].generator.layers[0].bias.detach().norm()) for game in (0, 1)]
    assert far[1] < 0.1 < far[0]


def sectors(points):
    """Of the eight around the modes of the ring, those that hold at least 2% of the points near it."""
    near = points[(points.norm(dim=1) > 0.5) & (points.norm(dim=1) < 1.5)]
    angle = torch.atan2(near[:, 1], near[:, 0]) / (2 * math.pi) * 8
    return int((angle.round().long() % 8).bincount(minlength=8).ge(0.02 * len(points)).sum())


@pytest.mark.slow
@pytest.mark.parametrize(("game", "steps"), [(0, 250), (1, 320), (2, 1200), *((way, 750) for way in range(3, 7))])
def test_5_with_a_slow_d_g_holds_few_modes_and_every_way_out_finds_all(play, game, steps):
    seen = At(150, 200, steps - 1, call=lambda model: sectors(samples(model)))
    play(5, game, seen, steps=steps)
    if game == 0:
        assert max(seen.seen) <= 3
    else:
        assert seen.seen[-1] == 8


@pytest.mark.slow
def test_8_a_clipped_critic_is_flat_and_a_penalized_one_has_the_slope_1(play):
    slopes, at_bound = [], []
    for game in (0, 1):
        model, data = play(8, game, steps=60)
        ends = data.train_dataset.points[:500], samples(model)
        between = torch.lerp(*ends, torch.rand(500, 1)).requires_grad_()
        (gradients,) = torch.autograd.grad(model.discriminator(between).sum(), between)
        slopes.append(float(gradients.norm(dim=1).mean()))
        weights = torch.cat([each.flatten() for each in model.discriminator.parameters()]).abs()
        at_bound.append(float((weights > 0.0499).float().mean()))
    assert slopes[0] < 0.1 < 0.8 < slopes[1] < 1.2
    assert at_bound[0] > 0.02


@pytest.mark.slow
def test_6_a_d_that_is_too_strong_teaches_nothing_and_noise_keeps_it_from_being_sure(play):
    losses = []
    for game in (0, 1):
        seen = At(149, call=lambda model: float(model._buffer.last_losses["discriminator"]))
        play(6, game, seen, steps=150, head_start=150, trainer__log_every_n_steps=1)
        losses += seen.seen
    assert losses[0] < 0.1
    assert losses[1] > 1


def test_7_jsd_stands_at_log_2_while_w1_is_the_distance():
    *jsd, w1, half, none, log_2 = demonstrated(7).values()
    assert jsd == pytest.approx([math.log(2), math.log(2), 0], abs=1e-12)
    assert (w1, half, none) == pytest.approx((1, 0.5, 0))
    assert quotes(7, log_2, w1, half)


def test_7_the_game_of_a_critic_arrives_at_the_line(play):
    real, _ = Line2D().draw(200, torch.Generator().manual_seed(0))
    seen = At(0, 249, call=lambda model: float(optimal_transport(real, samples(model)[:200]).distance))
    play(7, 0, seen, steps=250)
    assert seen.seen[1] < 0.5 * seen.seen[0]


def test_9_one_divergence_covers_both_modes_and_the_other_seeks_one():
    covering, wide, seeking, narrow = demonstrated(9).values()
    assert (covering, wide) == pytest.approx((0, (2**2 + 0.5**2) ** 0.5), abs=1e-3)  # the mixture's own moments
    assert (seeking, narrow) == pytest.approx((2, 0.5), abs=0.01)
    assert quotes(9, wide, seeking, narrow)


def test_10_a_classifier_tells_a_difference_and_none_where_there_is_none():
    accuracy, p_value, moved, moved_p_value = demonstrated(10).values()
    assert p_value > 0.05 > 1e-4 > moved_p_value
    assert abs(accuracy - 0.5) < 0.05 < moved - 0.5
    assert quotes(10, 100 * accuracy, p_value, 100 * moved, moved_p_value)


def test_11_99_percent_noise_costs_at_most_log_100_in_any_dimension():
    plane, plane_mixed, high, high_mixed, log_100, good = demonstrated(11).values()
    for own, mixed in ((plane, plane_mixed), (high, high_mixed)):
        assert 4 < own - mixed <= log_100
    assert good < 2
    assert quotes(11, log_100, plane, -plane_mixed, high, high_mixed, good)


def test_12_held_out_points_recall_authenticity_and_distances_see_copies():
    training, held_out, best, fid, precision, recall, authenticity, own, other = demonstrated(12).values()
    assert training > 10 > best > -1e3 > held_out
    assert (precision, recall, authenticity) == (1, 0, 0)
    assert fid < 0.01
    assert own < other / 100
    assert quotes(12, precision, recall, own, other, fid)


def test_13_fid_and_a_linear_kernel_know_moments_alone():
    fid, linear, linear_p_value, gaussian, gaussian_p_value = demonstrated(13).values()
    assert fid == pytest.approx(0, abs=1e-9)
    assert abs(linear) < 0.01 < gaussian
    assert linear_p_value > 0.5 > 0.01 > gaussian_p_value
    assert quotes(13, fid, linear_p_value, gaussian, gaussian_p_value)


def test_14_one_perfect_image_a_class_scores_more_than_the_data():
    own, fooled, precision, recall, fid = demonstrated(14).values()
    assert own < fooled <= 10
    assert fooled > 9.9
    assert precision == 1
    assert recall < 0.05
    assert fid > 100  # of the digits' own halves: 2.59
    assert quotes(14, fooled, own, precision, recall, fid)


def test_15_the_gap_of_the_bound_is_the_divergence_from_the_posterior_and_a_mean_is_blurred():
    evidence, tight, none, loose, gap, sharp, blurred = demonstrated(15).values()
    assert (tight, none) == pytest.approx((evidence, 0))
    assert loose == pytest.approx(evidence - gap)
    assert blurred < 0.7 * sharp
    assert quotes(15, -evidence, gap, sharp, blurred)


def test_16_truncation_trades_recall_for_precision():
    numbers = demonstrated(16)
    precision, recall = [*numbers.values()][::2], [*numbers.values()][1::2]  # from the tightest bound to none
    assert precision[2] > precision[3] > precision[4] > precision[5]
    assert recall[0] < recall[1] < recall[2] < recall[3]
    assert quotes(16, precision[5], recall[5], precision[2], recall[2], precision[1], recall[1])


# The file and the pages.


def test_every_exercise_has_something_to_look_at():
    assert len(exercises()) == 16
    for each in exercises().values():
        assert each.games or each.demonstration
        assert not each.demonstration or each.demonstration in DEMONSTRATIONS
    assert {each.demonstration for each in exercises().values()} - {""} == set(DEMONSTRATIONS)
    assert all(f"test_{number}_" in Path(__file__).read_text() for number in exercises())


def test_an_exercise_begins_with_its_first_game_and_another_beside_it():
    games = [*exercise(5).games.values()]
    assert (exercise(5).preset().words, exercise(5).preset().second) == (games[0], games[1])
    assert exercise(5).preset(beside=7).second == games[6]
    assert exercise(1).preset().second == ()
    with pytest.raises(ConfigError, match=r"exercise=13: is computed, not played"):
        exercise(13).preset()
    with pytest.raises(ConfigError, match=r"exercise=17: choose one from 1 to 16"):
        exercise(17)


def test_the_page_of_the_docs_is_made_of_the_file():
    script = runpy.run_path(str(ROOT / "scripts/write_exercises.py"))
    assert script["PAGE"].read_text() == script["page"](), "python scripts/write_exercises.py"


def test_the_quiz_asks_for_the_real_one_of_two_and_counts_as_a_test_does():
    chance = random.Random(0)
    real = {quiz._tile("real", index) for index in range(100)}
    questions = [quiz.ask(name, chance) for name in quiz.GENERATORS for _ in range(20)]
    assert all(each.images[each.real] in real and each.images[1 - each.real] not in real for each in questions)
    assert 15 < sum(each.real for each in questions) < 45
    at_random = Binomial(20, torch.tensor(0.5)).log_prob(torch.arange(15.0, 21.0)).exp()
    assert quiz.chance_of(15, 20) == pytest.approx(float(at_random.sum()), rel=1e-4)
