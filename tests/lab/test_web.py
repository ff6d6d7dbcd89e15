"""The lab's web part without a browser: who is let in, how many train, what a game is called, and what stays out."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("nicegui", reason="the lab's extra is not installed")

from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from lightning_gans.cli import main
from lightning_gans.cli.commands import LabOptions
from lightning_gans.cli.configs import shipped_configs
from lightning_gans.errors import ConfigError
from lightning_gans.lab import access, game, presets, serving, sessions
from lightning_gans.lab.words import Words

HOME = "http://127.0.0.1:8080"
TOKEN = "a-token-of-sixteen"


async def answering(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
    else:
        await PlainTextResponse("the page")(scope, receive, send)


def client(token=None, base=HOME):
    return TestClient(access.Access(answering, token), base_url=base, follow_redirects=False)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8080", None, 200),
        ("localhost:9000", None, 200),  # forwarded by ssh
        ("[::1]:8080", None, 200),
        ("127.0.0.1:8080", HOME, 200),
        ("evil.example", None, 403),  # a name that was made to point here
        ("127.0.0.1.evil.example", None, 403),
        ("", None, 403),
        ("127.0.0.1:8080", "http://evil.example", 403),
        ("127.0.0.1:8080", "http://127.0.0.1:9999", 403),  # another server of this machine
        ("127.0.0.1:8080", "null", 403),
    ],
)
def test_only_the_labs_own_pages_are_answered(host, origin, status):
    headers = {"host": host} | ({"origin": origin} if origin else {})
    assert client().get("/plane", headers=headers).status_code == status


def test_sockets_of_other_pages_are_refused():
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client().websocket_connect("/x", headers={"origin": "http://e.io"}),
    ):
        pass
    assert refused.value.code == 1008
    with client().websocket_connect("/x", headers={"origin": HOME, "host": "127.0.0.1:8080"}) as accepted:
        assert accepted.receive()["code"] == 1000


@pytest.mark.parametrize("given", ["", "?token=", "?token=wrong", "?token=a-token-of-sixtee", "?token=%C3%A9"])
def test_a_wrong_token_opens_nothing(given):
    visitor = client(TOKEN, "http://lab.example:8080")
    assert visitor.get(f"/plane{given}").status_code == 403
    assert not visitor.cookies
    visitor.cookies.set("lightning_gans_lab", "wrong")
    assert visitor.get("/plane").status_code == 403
    with pytest.raises(WebSocketDisconnect), visitor.websocket_connect("/frames/x"):
        pass


def test_the_token_moves_from_the_address_into_a_cookie():
    visitor = client(TOKEN, "http://lab.example:8080")
    entering = visitor.get(f"/plane?preset=ring&token={TOKEN}&seed=2")
    assert (entering.status_code, entering.headers["location"]) == (303, "/plane?preset=ring&seed=2")
    assert "httponly" in entering.headers["set-cookie"].lower()
    assert visitor.get("/plane").text == "the page"
    kept = {"cookie": f"lightning_gans_lab={TOKEN}"}
    with visitor.websocket_connect("/frames/x", headers=kept) as accepted:
        assert accepted.receive()["code"] == 1000
    assert visitor.get("/plane", headers={"origin": "http://evil.example"}).status_code == 403  # in the visitor's name


@pytest.mark.parametrize(
    ("host", "given", "needed"),
    [("127.0.0.1", None, False), ("localhost", None, False), ("127.0.0.1", TOKEN, True), ("0.0.0.0", None, True)],
)
def test_others_need_a_token_even_if_none_is_given(monkeypatch, host, given, needed):
    served = []
    monkeypatch.setattr("lightning_gans.lab.app.run", lambda options, token: served.append(token))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for _ in range(2):
        serving.serve(LabOptions(host=host, port=port, token=given))
    first, second = served
    assert (first is not None) == needed
    assert given is None or given == first == second
    assert first is None or given or (first != second and len(first) > 16)  # made up each time


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--port 0", "--port=0: a port is a number from 1 to 65535"),
        ("--token short", "--token='short': 8 or more letters"),
        ("--trainings 0", "--trainings=0: must be 1 or more"),
        ("--checkpoints ['nowhere']", "--checkpoints='nowhere': there is no such folder"),
        ("--host 203.0.113.7", "--host='203.0.113.7': is no address of this machine"),
        ("--port {taken}", "is in use; choose another"),
    ],
)
def test_what_cannot_be_served_is_one_line(given, said, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main(["lab", "--show", "false", *given.format(taken=taken.getsockname()[1]).split()])
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert said in line
    assert len(line.splitlines()) == 1


def test_the_web_process_does_without_torch():
    code = (
        "import sys, importlib, lightning_gans.lab.app\n"
        "from lightning_gans.lab.layout import TITLES\n"
        "for page in TITLES: importlib.import_module(f'lightning_gans.lab.pages.{page}')\n"
        "sys.exit(' '.join({'torch', 'lightning', 'matplotlib', 'sklearn', 'numpy'} & {*sys.modules}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Still:
    """A game that does nothing, to be counted."""

    def __init__(self, words, **settings):
        self.words, self.scene, self.closed, self.state, self.error = words, None, False, "paused", None
        self.inbox = []

    def poll(self):
        said, self.inbox = self.inbox, []
        return said

    def close(self):
        self.closed = True


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setattr(game, "PlayedGame", Still)
    monkeypatch.setattr(sessions, "PATIENCE", 0.05)
    return sessions.Lab(LabOptions(trainings=2))


def test_so_many_train_and_no_more(lab):
    async def visit():
        first, second = [await lab.open(["--config", "gan"]) for _ in range(2)]
        assert first.key != second.key
        with pytest.raises(ConfigError, match="--trainings=2"):
            await lab.open(["--config", "gan"])
        waiting = asyncio.ensure_future(lab.open(["--config", "gan"]))
        await asyncio.sleep(0.01)
        lab.close(first)  # as of a page that was loaded anew
        assert first.game.closed
        assert not second.game.closed
        assert (await waiting).key in lab.games
        lab.close_all()
        assert second.game.closed
        assert not lab.games

    asyncio.run(visit())


def test_a_game_that_is_being_opened_ends_too_when_its_place_is_taken(lab):
    async def visit():
        place = sessions.GamePlace(lab)
        earlier = asyncio.ensure_future(place.open(["--config", "gan"]))
        await asyncio.sleep(0)
        later = await place.open(["--config", "wgan"])
        assert await earlier is None
        assert place.opened is later
        assert list(lab.games.values()) == [later]
        leaving = asyncio.ensure_future(place.open(["--config", "gan"]))
        await asyncio.sleep(0)
        place.close()
        assert await leaving is None
        assert later.game.closed
        assert not lab.games

    asyncio.run(visit())


def test_frames_go_to_the_last_that_asks(lab):
    async def visit():
        opened = await lab.open(["--config", "gan"])
        earlier = asyncio.ensure_future(opened.news("a page", True))
        await asyncio.sleep(0.02)
        later = asyncio.ensure_future(opened.news("the page again", False))
        await asyncio.sleep(0.02)
        opened.game.inbox = [{"kind": "frame", "step": 1}, {"kind": "refused", "line": "no"}]
        assert await earlier is None
        assert (await later)["frames"] == [{"kind": "frame", "step": 1}]
        assert opened.said == ["no"]

    asyncio.run(visit())


def test_only_checkpoints_of_named_folders_are_offered(tmp_path):
    (tmp_path / "mine/run").mkdir(parents=True)
    for place in ("mine/run/last.ckpt", "other.ckpt", "mine/notes.txt"):
        (tmp_path / place).write_text("")
    offered = sessions.Lab(LabOptions(checkpoints=[str(tmp_path / "mine")])).checkpoints()
    assert offered == {"mine/run/last.ckpt": tmp_path / "mine/run/last.ckpt"}


def test_recipes_replace_each_other_and_nothing_else():
    """Once around all of them: the data and the settings stay, and at the end it is what it was."""
    start = words = Words(presets.preset("ring").words)
    for name in [*presets.recipes(), presets.recipe_of(start)]:
        words = presets.with_recipe(words, name)
        assert presets.recipe_of(words) == name
        assert (words.value("data"), words.value("model.latent_dim")) == ("Ring2D", 2)
        assert Words.of_command(words.command) == words
        assert set(words.configs) <= shipped_configs().keys()
    assert words == start


@pytest.mark.parametrize("preset", presets.presets().values(), ids=lambda preset: preset.name)
def test_presets_are_made_of_what_there_is(preset):
    for words in filter(None, (preset.words, preset.second)):
        assert set(Words(words).configs) <= shipped_configs().keys()
        assert presets.recipe_of(Words(words)) in presets.recipes()
    assert preset.checkpoint is None or preset.checkpoint.is_file()
    assert set(presets.data_sets()) <= shipped_configs().keys()


def test_the_last_word_counts_and_none_takes_it_back():
    words = Words(("--config", "gan", "--config", "data/ring", "--model.latent_dim=3"))
    changed = words.with_value("model.latent_dim", 5).with_value("model.latent_dim", 7)
    assert changed.value("model.latent_dim") == 7
    assert sum("latent_dim" in word for word in changed.words) == 1
    assert changed.with_value("model.latent_dim", None).value("model.latent_dim") == 64  # the config's
    orders = itertools.permutations(("regularizers/r1", "augment/instance_noise"))
    assert all(words.with_config([], a).with_config([], b).with_config([a], None).configs[-1] == b for a, b in orders)


@pytest.mark.parametrize("line", ["", "lightning_gans fit", "evaluate 'x", "rm -rf"])
def test_what_is_no_command_is_refused(line):
    with pytest.raises(ConfigError, match="command"):
        Words.of_command(line)


def test_an_unknown_preset_is_one_line():
    with pytest.raises(ConfigError, match="choose one of ring"):
        presets.preset("rings")


@pytest.mark.parametrize("host", ["0.0.0.0:8080", "evil-localhost", "evil.localhost:8080", "localhost.evil.example"])
def test_names_like_this_machines_are_refused(host):
    assert client().get("/plane", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("headers", [{"host": "["}, {"host": "127.0.0.1:8080", "origin": "http://["}])
def test_what_is_no_address_is_refused(headers):
    assert client().get("/plane", headers=headers).status_code == 403


@pytest.mark.parametrize(("into", "status"), [("document", 200), ("iframe", 403), ("image", 403)])
def test_another_page_may_lead_here_and_no_more(into, status):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-dest": into}
    answer = client().get("/plane", headers=headers)
    assert answer.status_code == status
    assert status == 403 or answer.headers["content-security-policy"] == "frame-ancestors 'self'"


def test_the_cookie_stays_with_the_labs_pages_and_the_way_leads_nowhere_else():
    answer = client(TOKEN, "http://lab.example:8080").get(f"http://lab.example:8080//evil.example/?token={TOKEN}")
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert answer.headers["location"] == "/evil.example/"


def test_other_cookies_of_the_host_do_not_hide_the_token():
    kept = {"cookie": f'other={{"a":1,"b":2}}; a b=c; lightning_gans_lab={TOKEN}'}
    assert client(TOKEN, "http://lab.example:8080").get("/plane", headers=kept).status_code == 200


def test_games_that_are_being_opened_count_and_failed_ones_do_not(lab):
    async def visit():
        found = await asyncio.gather(*(lab.open(["--config", "gan"]) for _ in range(3)), return_exceptions=True)
        assert [isinstance(each, ConfigError) for each in found] == [False, False, True]
        assert all(len(key) >= 20 for key in lab.games)
        found[0].game.state = "failed"
        await lab.open(["--config", "gan"])

    asyncio.run(visit())


def test_a_game_whose_opening_is_cancelled_ends(lab, monkeypatch):
    made = []

    class Slow(Still):
        def __init__(self, words, **settings):
            time.sleep(0.05)
            super().__init__(words, **settings)
            made.append(self)

    monkeypatch.setattr(game, "PlayedGame", Slow)

    async def visit():
        opening = asyncio.ensure_future(lab.open(["--config", "gan"]))
        await asyncio.sleep(0.02)
        opening.cancel()  # as NiceGUI does with what a page that is gone had begun
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert lab._opening == 1  # its process is there yet
        await asyncio.sleep(0.1)
        assert [each.closed for each in made] == [True]
        assert (lab.games, lab._opening) == ({}, 0)

    asyncio.run(visit())


def test_a_lab_that_ends_while_a_game_is_opened_says_nothing(lab, monkeypatch):
    monkeypatch.setattr(game, "PlayedGame", lambda words, **settings: time.sleep(0.2))
    complaints = []

    async def visit():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        opening = asyncio.ensure_future(lab.open(["--config", "gan"]))
        await asyncio.sleep(0.02)
        assert not opening.done()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as an event loop does at its end
            task.cancel()
        await asyncio.sleep(0.02)

    asyncio.run(visit())
    assert (complaints, lab._opening) == ([], 0)


def test_the_newest_checkpoint_is_first_and_what_is_no_file_of_the_folder_is_not_offered(tmp_path):
    for folder, name, age in (("runs", "new", 0), ("runs", "old", 1), ("other/runs", "old", 2), (".", "outside", 3)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / f"{name}.ckpt").write_text("")
        os.utime(tmp_path / folder / f"{name}.ckpt", (100 - age, 100 - age))
    (tmp_path / "runs/folder.ckpt").mkdir()
    (tmp_path / "runs/last.ckpt").symlink_to(tmp_path / "removed.ckpt")
    (tmp_path / "runs/link.ckpt").symlink_to(tmp_path / "outside.ckpt")
    folders = [str(tmp_path / "runs"), str(tmp_path / "other/runs")]
    offered = sessions.Lab(LabOptions(checkpoints=folders)).checkpoints()
    assert [*offered] == ["runs/new.ckpt", "runs/old.ckpt", str(tmp_path / "other/runs/old.ckpt")]


def test_a_command_is_quoted_as_a_shell_does():
    line = "lightning_gans fit --config gan \\\n  --data.name 'two words' --model.x \"[1, 'é']\""
    words = Words.of_command(line)
    assert words.words == ("--config", "gan", "--data.name", "two words", "--model.x", "[1, 'é']")
    assert Words.of_command(words.command) == words
    assert words.with_value("data.name", "it's\nnew").words[-1] == "it's\nnew"
