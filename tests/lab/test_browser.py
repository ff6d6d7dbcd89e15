"""The lab in a real browser: every control of the plane is pressed, and each page can be read and reached."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("nicegui", reason="the lab's extra is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser")

from lightning_gans.lab.layout import TITLES  # noqa: E402 # needs what may not be there

CHROMIUM = shutil.which("chromium")
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
PATIENCE = 120_000  # milliseconds: a slow machine imports torch
SMALL = "lightning_gans fit --config gan --config data/ring --model.latent_dim 2 --data.batch_size 16"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The command itself; what it says at its end is looked at."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "lightning_gans.cli", "lab", "--port", str(port), "--show", "false"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with (folder / "output.txt").open("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # else as pytest has it
        )
        try:
            await_line(output.name, "the lab is at", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
        said = Path(output.name).read_text()
    assert process.returncode == 130, said  # as of any command
    assert not re.search("Traceback|Exception|Error", said), said
    assert not (folder / ".nicegui").exists()


def await_line(path, words, process):
    until = time.monotonic() + 60
    while words not in Path(path).read_text():
        assert process.poll() is None, Path(path).read_text()
        assert time.monotonic() < until, "the lab does not start"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser, server):
    """Opens pages; whatever a page complains of, or asks of another place than this machine, fails the test."""
    contexts, wrong = [], []
    home = server[0]

    def complain(message):
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    def leave(request):
        if not request.url.startswith((home, "data:", "blob:")):
            wrong.append(f"asks {request.url}")

    def open_page(path, width=1280):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light"))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", complain)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", leave)
        page.goto(f"{home}{path}")
        page.wait_for_selector("main")
        page.wait_for_function("window.socket?.connected ?? true")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


def number(page, name, game=0):
    text = page.locator(".lab-game").nth(game).locator(".lab-numbers").inner_text()
    return text.splitlines()[text.splitlines().index(name) + 1]


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def until(page, condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, page.locator(".lab-stage").inner_text()
        page.wait_for_timeout(20)


def has_begun(page, games=1):
    """Whether each game has shown its beginning."""
    return page.locator(".lab-game").count() == games and page.locator(".lab-numbers dd").count() == 9 * games


def step_of(page, game=0):
    return int(number(page, "Step", game))


def colors_in(page):
    code = "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    return page.locator(".lab-plane canvas").first.evaluate(code)


def command_is_taken(page):
    page.get_by_label("What fit is given").fill(SMALL)
    press(page, "Use this command")
    page.wait_for_timeout(500)
    return page.get_by_label("Batch size").input_value() == "16"


def test_a_game_is_played_stopped_and_gone_back_in(visit):
    page = visit("/plane?preset=ring&seed=3")
    until(page, lambda: has_begun(page))
    assert colors_in(page) > 100  # a surface, and points
    press(page, "Step")
    until(page, lambda: step_of(page) == 1)
    press(page, "One update")
    until(page, lambda: number(page, "Next to learn") == "generator")
    assert step_of(page) == 1
    press(page, "One update")
    until(page, lambda: step_of(page) == 2)
    press(page, "Play")
    until(page, lambda: step_of(page) > 8)
    press(page, "Pause")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.get_by_role("slider").focus()

    def looks_at_second():
        for key in ("Home", "ArrowRight", "ArrowRight"):
            page.keyboard.press(key)
        page.wait_for_timeout(200)  # or a key comes before the step that is shown, and asks for another
        return page.locator(".lab-time").inner_text() == "Step 2"

    until(page, looks_at_second)  # the last step's place may come to the slider between two keys
    until(page, lambda: step_of(page) == 2)
    press(page, "Go on from here")
    press(page, "Step")
    until(page, lambda: page.locator(".lab-time").inner_text() == "Now" and step_of(page) == 3)


def test_every_control_of_the_plane_is_pressed(visit):
    page = visit("/plane?preset=losses")
    until(page, lambda: has_begun(page, 2))
    page.get_by_role("switch", name="Second game").click()
    until(page, lambda: page.locator(".lab-game").count() == 1)
    for box in page.get_by_role("checkbox").all():
        before = box.get_attribute("aria-checked")
        box.click()
        sync_api.expect(box).not_to_have_attribute("aria-checked", before)
    for field in page.locator(".q-field:has([role=spinbutton], input[type=number])").all():
        box = field.locator("input")
        box.fill("1")
        box.blur()
    page.get_by_label("Stop at step").fill("")
    page.get_by_label("Hidden layers, as 64, 64").first.fill("8, 8")
    for label in ("Activation", "Optimizer", "Distribution", "Data", "Recipe", "Speed", "Game"):
        page.get_by_label(label, exact=True).first.click()
        page.get_by_role("option").nth(1).click()
        until(page, lambda: page.get_by_role("option").count() == 0)  # or the next choice is made in this list
    until(page, lambda: has_begun(page))
    until(page, lambda: command_is_taken(page))  # once the game that was chosen last has written its own there
    press(page, "Start anew with these")
    until(page, lambda: has_begun(page))
    press(page, "Light or dark")
    page.locator("body.body--dark").wait_for()
    press(page, "Play")
    until(page, lambda: has_begun(page) and step_of(page) > 3)
    for name, ending in (("Config", "yaml"), ("Film", "gif"), ("Replay", "html")):
        with page.expect_download() as download:
            press(page, name)
        assert download.value.suggested_filename == f"game.{ending}"
    for _ in range(5):  # more often than games may train: each but the last has ended
        page.get_by_role("button", name="Start anew", exact=True).dblclick()
    until(page, lambda: has_begun(page) and step_of(page) == 0)
    assert not any(page.get_by_role("alert").all_inner_texts())


def test_a_change_on_the_way_is_recorded_and_seen_by_its_own_page_alone(visit, tmp_path):
    page = visit("/plane?preset=ring")
    until(page, lambda: has_begun(page))
    rate = page.get_by_label("generator.lr")
    rate.fill("0.01")
    rate.blur()
    press(page, "Step")
    until(page, lambda: step_of(page) == 1 and "generator.lr 0.01" in page.locator(".lab-settings").inner_text())
    with page.expect_download() as download:
        press(page, "Config")
    download.value.save_as(tmp_path / "game.yaml")
    assert "setting: generator.lr" in (tmp_path / "game.yaml").read_text()
    rate.fill("-1")
    rate.blur()
    page.get_by_text("generator.lr=-1").first.wait_for()  # refused in a line
    code = "new WebSocket(location.origin.replace('http', 'ws') + '/frames/guess').onclose = done"
    page.evaluate(f"new Promise(done => {{ {code} }}).then(() => 1)")  # another page's game: closed without an answer


def test_exercises_play_to_their_steps_and_what_changes_by_itself_is_shown(visit):
    page = visit("/plane?exercise=4")  # its points come with its words
    until(page, lambda: has_begun(page, 2))
    assert page.get_by_text("Second game: The same with R1").is_visible()
    page.goto(page.url.replace("exercise=4", "exercise=2"))
    until(page, lambda: has_begun(page))
    press(page, "Play")
    until(page, lambda: step_of(page) == 300 and page.get_by_role("button", name="Play", exact=True).is_visible())
    press(page, "Step")
    boxes = {name: page.get_by_role("checkbox", name=f"{name}.plays") for name in ("generator", "discriminator")}
    sync_api.expect(boxes["generator"]).to_have_attribute("aria-checked", "true")
    sync_api.expect(boxes["discriminator"]).to_have_attribute("aria-checked", "false")
    until(page, lambda: step_of(page) == 301)
    assert "plays 1" not in page.locator(".lab-settings").inner_text()  # nobody has changed it by hand
    assert page.get_by_role("link", name="Back to the exercise").get_attribute("href") == "/exercises#exercise-2"


def test_the_quiz_keeps_a_pair_until_the_next_one_is_asked_for(visit):
    page = visit("/quiz")
    left, following = (page.get_by_role("button", name=name) for name in ("The left one is real", "Next pair"))
    sync_api.expect(following).to_be_disabled()
    left.click()
    page.get_by_text("one was real").wait_for()
    assert page.locator(".lab-real").count() == 1
    left.click()  # answered already
    following.click()
    sync_api.expect(page.locator(".lab-real")).to_have_count(0)
    assert page.get_by_text("of 1 right").is_visible()


def drawn_on(page):
    return int(re.search(r"(\d+) of 200", page.locator(".lab-drawing").inner_text())[1])


def test_points_drawn_with_the_mouse_are_played_on(visit):
    page = visit("/plane?preset=ring")
    until(page, lambda: has_begun(page))
    page.get_by_label("Data", exact=True).click()
    page.get_by_role("option", name="Drawn by hand").click()
    page.get_by_text("0 of 200").wait_for()
    box = page.locator(".lab-plane canvas").bounding_box()

    def draws():  # a stroke may come before the plane listens
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2, steps=20)
        page.mouse.up()
        page.wait_for_timeout(500)
        return drawn_on(page) > 10

    until(page, draws)
    drawn = drawn_on(page)  # what counts them goes when they are used
    press(page, "Use these points")
    until(page, lambda: has_begun(page) and number(page, "Modes").endswith(f"of {drawn}"))


def test_the_keyboard_alone_plays(visit):
    page = visit("/plane?preset=ring")
    until(page, lambda: has_begun(page))
    seen = []
    while (
        name := page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''")
    ) != "Play":
        name = name.splitlines()[-1] if name.splitlines() else ""
        if name == "Play":
            break
        seen.append(name)
        assert len(seen) < 20, seen
        page.keyboard.press("Tab")
    assert "Skip to the page" in seen
    page.keyboard.press("Enter")
    until(page, lambda: step_of(page) > 1)
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play", exact=True).wait_for()


@pytest.mark.parametrize("name", TITLES)
def test_pages_can_be_read_on_a_narrow_screen(visit, name):
    page = visit(f"/{name}", width=400)
    for dark in (False, True):
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.locator("body.body--dark" if dark else "body:not(.body--dark)").wait_for()
        page.wait_for_timeout(500)  # colors change little by little
        found = page.evaluate(CONTRAST)
        assert found["count"] > 5
        assert not found["faint"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    nameless = "e => [...e].filter(b => !b.innerText.trim() && !b.ariaLabel).length"
    assert page.locator("button:visible").evaluate_all(nameless) == 0


def test_closed_pages_leave_no_games_behind(visit, server):
    """After all the pages of this file: only the process from which games are forked is there, without children."""

    def games():
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                found.append((int(folder.name), int(fields[1])))
            except OSError:  # it has ended meanwhile
                continue
        own = {child for child, parent in found if parent == server[1].pid}
        return [child for child, parent in found if parent in own]

    end = time.monotonic() + 30
    while games():
        assert time.monotonic() < end, games()
        time.sleep(0.1)
