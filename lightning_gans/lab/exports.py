"""A game taken along: its config for ``fit``, a film, and a page that replays it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from lightning_gans.errors import ConfigError
from lightning_gans.lab.game import PlayedGame
from lightning_gans.lab.replay import replay


def export_buttons(current: Callable[[], PlayedGame | None]) -> None:
    """Buttons that download what a game has become.

    Args:
        current: The game that is meant; None while there is none.
    """

    async def config(game: PlayedGame) -> None:
        ui.download.content(game.config_text(), "game.yaml", "application/yaml")

    async def gif(game: PlayedGame) -> None:
        from lightning_gans.lab.film import film  # numpy comes with it: a tenth of the time to the first page

        made = await asyncio.to_thread(film, game.scene or {}, [*game.timeline.frames])
        ui.download.content(made, "game.gif", "image/gif")

    async def page(game: PlayedGame) -> None:
        made = await asyncio.to_thread(replay, game.scene or {}, [*game.timeline.frames], game.config_text())
        ui.download.content(made, "game.html", "text/html")

    for text, icon, export, what in (
        ("Config", "description", config, "YAML for fit, with what was changed on the way: the same losses"),
        ("Film", "movie", gif, "A GIF of the frames so far"),
        ("Replay", "history", page, "One HTML file that replays the run, without the lab"),
    ):
        button = ui.button(text, icon=icon, on_click=partial(_export, current, export))
        button.props("outline").tooltip(what)


async def _export(current: Callable[[], PlayedGame | None], export: Callable[[PlayedGame], Awaitable[None]]) -> None:
    game = current()
    if game is None or game.scene is None:
        ui.notify("The game is not set up yet")
        return
    try:
        await export(game)
    except ConfigError as error:
        ui.notify(str(error), type="warning")
