"""A game in the lab is what ``fit`` plays: to the bit, with what was changed on the way, forward and back."""

import asyncio
import base64
import io
import json
import subprocess
import sys
import time
from typing import ClassVar

import numpy as np
import pytest
import yaml
from lightning.pytorch import Callback
from PIL import Image

from lightning_gans import ConfigError
from lightning_gans.cli import main
from lightning_gans.lab import film, replay
from lightning_gans.lab.game import PlayedGame
from lightning_gans.lab.timeline import Timeline, size_of

RING = ["--config", "gan", "--config", "data/ring", "--data.num_samples", "2000", "--trainer.max_steps", "100000"]


def until(game, reached, seconds=60):
    """Poll until something is so; all messages."""
    heard, end = [], time.monotonic() + seconds
    while not reached(game):
        assert time.monotonic() < end, (game.state, game.step, game.error)
        assert game.state != "failed", game.error
        heard += game.poll()
        time.sleep(0.005)
    return heard


def paused_at(step):
    return lambda game: (
        game.state == "paused" and game.timeline.frames[-1:] and game.timeline.frames[-1]["step"] == step
    )


def losses(frames):
    """All that frames tell, by player and step."""
    return {(player, step): value for f in frames for player, pairs in f["losses"].items() for step, value in pairs}


@pytest.fixture(scope="module")
def ring():
    """The ring's game: changed after 6 steps and in the middle of one, played for a while."""
    game = PlayedGame(RING, parts=["fake"])
    until(game, paused_at(0))
    game.advance(6)
    until(game, paused_at(6))
    game.change("generator.lr", 0.01)
    game.advance_update()
    until(game, lambda game: game.state == "paused" and game.timeline.frames[-1]["player"] == "generator")
    game.change("discriminator.plays", False)  # from the next step on: this one has begun
    game.advance(3)
    until(game, paused_at(9))
    yield game
    game.close()


class Recorder(Callback):
    """Losses of ``fit``, by player and step."""

    seen: ClassVar = {}

    def on_train_batch_end(self, trainer, model, *_):
        for player, loss in model.latest_losses.items():
            self.seen[player, trainer.global_step] = loss.item()
        model.latest_losses.clear()


def test_fit_of_the_config_that_is_taken_along_has_the_same_losses_to_the_bit(ring, tmp_path):
    content = yaml.safe_load(ring.config_text())
    assert [each["step"] for each in ring.changes] == [6, 7]
    content["trainer"]["callbacks"].append("tests.lab.test_core.Recorder")
    (tmp_path / "game.yaml").write_text(yaml.safe_dump(content))
    quiet = ["--trainer.logger", "false", "--metrics.every_n_steps", "0", "--samples.every_n_steps", "0"]
    Recorder.seen.clear()
    main(["fit", "--config", str(tmp_path / "game.yaml"), "--trainer.max_steps", "9", *quiet])
    assert losses(ring.timeline.frames) == Recorder.seen
    assert ("discriminator", 7) in Recorder.seen
    assert ("discriminator", 8) not in Recorder.seen  # it stands still
    assert ("generator", 9) in Recorder.seen


def test_going_back_and_playing_again_is_as_if_nothing_had_been(ring):
    until(ring, paused_at(9))
    before = losses(ring.timeline.frames)
    ring.go_back(7)  # the change at 7 was not made yet
    until(ring, paused_at(7))
    assert [each["step"] for each in ring.changes] == [6]
    assert max(frame["step"] for frame in ring.timeline.frames) == 7
    ring.change("discriminator.plays", False)
    ring.advance(2)
    until(ring, paused_at(9))
    assert losses(ring.timeline.frames) == before


def test_a_state_on_disk_leads_to_the_same_game(ring):
    ring.play()
    # A state of after the changes: going back further forgets them.
    until(ring, lambda game: 9 <= max(game.timeline.states, default=0) < game.step - 3)
    ring.pause()
    until(ring, lambda game: game.state == "paused" and game.timeline.frames[-1]["step"] == game.step)
    step, before = max(ring.timeline.states), losses(ring.timeline.frames)
    ring.go_back(step + 1)
    assert ring.timeline.state_before(step + 1).name == f"{step}.ckpt"
    until(ring, paused_at(step + 1))
    assert asyncio.run(ring.request("save"))["path"].endswith(f"{step + 1}.ckpt")  # while it stands still
    ring.go_back(step + 1)
    assert ring.timeline.state_before(step + 1).name == f"{step + 1}.ckpt"
    until(ring, paused_at(step + 1))
    ring.advance(2)
    until(ring, paused_at(step + 3))
    again = losses(ring.timeline.frames)
    assert [again["generator", step + k] for k in (2, 3)] == [before["generator", step + k] for k in (2, 3)]


def test_slow_motion_shows_who_is_about_to_move(ring):
    ring.pace(4)
    ring.change("discriminator.plays", True)
    ring.advance(1)
    begun, step = time.monotonic(), ring.step
    heard = until(ring, lambda game: game.state == "paused" and game.step == step + 1)
    assert time.monotonic() - begun > 0.1
    players = [message["player"] for message in heard if message["kind"] == "frame"]
    assert [name for name in players if name is not None] == ["discriminator", "generator"]
    ring.pace(None)


def test_what_cannot_be_changed_is_said_in_a_line_and_the_game_goes_on(ring):
    ring.change("generator.color", 3)
    heard = []
    until(ring, lambda game: heard.extend(game.poll()) or any(each["kind"] == "refused" for each in heard))
    (line,) = [each["line"] for each in heard if each["kind"] == "refused"]
    assert line.startswith("generator.color=3: cannot be changed on the way")
    with pytest.raises(ConfigError, match="is nothing that a game of points answers"):
        asyncio.run(ring.request("samples"))
    assert ring.state == "paused"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config", "gna"], "--config='gna': is neither a file nor a shipped config; did you mean gan?"),
        ([*RING, "--model.optimization.generator.init_args.lr", "1e30", "--trainer.log_every_n_steps", "2"], "loss/"),
    ],
)
def test_a_game_that_fails_says_why_in_one_line(ring, words, line, tmp_path):
    game = PlayedGame(words, folder=tmp_path / "game")
    game.play()
    end = time.monotonic() + 60
    while game.state != "failed" and time.monotonic() < end:
        heard = game.poll()
    assert game.error.startswith(line)
    assert "\n" not in game.error
    assert heard[-1] == {"kind": "state", "state": "failed", "step": game.step, "error": game.error}
    game.close()
    assert not (tmp_path / "game").exists()


def test_a_game_whose_process_dies_fails_and_a_closed_one_leaves_nothing(ring, tmp_path):
    game = PlayedGame(RING, folder=tmp_path / "game")
    process = game._process
    process.kill()
    while game.state != "failed":
        game.poll()
    assert game.error == "its process has ended (exit code -9)"
    game.play()  # nobody hears it
    game.close()
    with pytest.raises(ValueError, match="closed"):
        process.is_alive()


def test_the_web_process_needs_no_torch():
    code = "import sys; from lightning_gans.lab import film, game, replay; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# The timeline.


def frame(step, size=1000):
    return {"step": step, "fake": "A" * size, "losses": {"generator": [[step, 0.5]]}}


def test_frames_stay_within_their_memory_and_spread_over_the_run():
    timeline = Timeline(most_bytes=50_000)
    for step in range(1, 1001):
        timeline.add(frame(step))
        assert timeline.size == sum(map(size_of, timeline.frames)) <= 50_000
    steps = [each["step"] for each in timeline.frames]
    assert len(steps) >= 20
    assert steps == sorted(steps)
    gaps = np.diff(steps)
    assert steps[0] <= 64
    assert gaps.max() <= 2 * gaps.min()
    assert timeline.at(500)["step"] <= 500 < steps[steps.index(timeline.at(500)["step"]) + 1]
    timeline.forget_after(500)
    assert timeline.frames[-1]["step"] <= 500
    assert timeline.size == sum(map(size_of, timeline.frames))


def test_states_are_thinned_and_their_files_go(tmp_path):
    timeline = Timeline(most_states=8)
    for step in range(10, 1010, 10):
        path = tmp_path / f"{step}.ckpt"
        path.write_text("state")
        timeline.add_state(step, path)
        assert {int(each.stem) for each in tmp_path.iterdir()} == set(timeline.states)
        assert len(timeline.states) <= 8
    assert timeline.state_before(1000) == tmp_path / "1000.ckpt"
    assert timeline.state_before(9) is None
    timeline.forget_after(500)
    assert all(int(each.stem) <= 500 for each in tmp_path.iterdir())


# What is taken along.


def test_a_long_run_replays_within_two_megabytes_and_its_film_moves():
    scene = {"kind": "points", "window": [0.0, 0.0, 1.0], "real": coded([[0.5, 0.5]]), "modes": [[0.5, 0.5]]}
    frames = [
        {"step": step, "fake": coded([[step / 400 - 1, 0.0]] * 1000), "losses": {"generator": [[step, float(step)]]}}
        for step in range(800)
    ]
    page = replay.replay(scene, frames, "trainer: </script>")
    assert len(page.encode()) <= replay.MOST_BYTES
    assert "http" not in page.partition("<script")[0] + page.rpartition("const run")[2]
    assert page.count("</script>") == 2  # none of them from the config
    run = json.loads(page.partition('id="run">')[2].partition("</script>")[0])
    assert [run["frames"][0]["step"], run["frames"][-1]["step"]] == [0, 799]
    assert 100 < len(run["frames"]) < 800
    assert run["config"] == "trainer: </script>"
    with Image.open(io.BytesIO(film.film(scene, frames[::100]))) as moving:
        assert moving.n_frames == 8
        columns = []
        for number in range(8):
            moving.seek(number)
            pixels = np.asarray(moving.convert("RGB")).astype(int)
            orange = np.abs(pixels - [0xC2, 0x57, 0x0C]).sum(2) < 60
            columns.append(np.nonzero(orange)[1].mean())
    # A point at x in [-1, 1) is at (x + 1) / 2 of 400 pixels.
    assert np.allclose(columns, [50 * number for number in range(8)], atol=4)


@pytest.mark.parametrize("make", [replay.replay, film.film])
def test_a_game_that_has_shown_nothing_cannot_be_taken_along(make):
    with pytest.raises(ConfigError, match="play a while"):
        make({"kind": "points"}, [])


def coded(points, half=1.0):
    return base64.b64encode((np.array(points) / (2 * half) * 32767).round().astype("<i2").tobytes()).decode()


@pytest.mark.parametrize(("players", "config"), [(20, ""), (1, "#" * 1_000_000)])
def test_curves_and_config_count_too(players, config):
    scene = {"kind": "points", "window": [0.0, 0.0, 1.0], "real": coded([[0.5, 0.5]]), "modes": None}
    points = coded([[0.0, 0.0]] * 600)
    curves = [{f"player {n}": [[step, 1 / 3]] for n in range(players)} for step in range(800)]
    frames = [{"step": step, "fake": points, "losses": losses} for step, losses in enumerate(curves)]
    assert len(replay.replay(scene, frames, config).encode()) <= replay.MOST_BYTES
