"""The lab's server: its pages, and the stream of frames that each page asks for."""

import importlib
import socket
from functools import partial
from pathlib import Path

from fastapi import WebSocket, WebSocketDisconnect
from nicegui import app, ui

from lightning_gans.cli.commands import LabOptions
from lightning_gans.lab.access import Access
from lightning_gans.lab.game import start_server
from lightning_gans.lab.layout import TITLES
from lightning_gans.lab.sessions import GRACE, Lab

STATIC = Path(__file__).parent / "static"


def run(options: LabOptions, token: str | None) -> None:
    """Serve the lab until Ctrl-C; with a token, to those who know it."""
    lab = Lab(options)
    app.add_middleware(Access, token=token, cookie=f"lightning_gans_lab_{options.port}")
    app.add_static_files("/static", STATIC, max_cache_age=0)  # a newer version of the package brings newer ones
    app.add_api_websocket_route("/frames/{key}", partial(stream, lab))
    for name in TITLES:
        importlib.import_module(f"lightning_gans.lab.pages.{name}").build(lab)
    ui.page("/")(lambda: ui.navigate.to("/plane"))
    app.on_startup(partial(_started, options, token))
    app.on_connect(start_server)  # once a page is seen: what it imports would keep a core from that
    app.on_shutdown(lab.close_all)
    address = f"/?token={token}" if token else "/"
    ui.run(
        host=options.host,
        port=options.port,
        title="lightning_gans lab",
        show=address if options.show else False,
        reload=False,
        dark=None,
        language="en-US",
        favicon=STATIC / "icon.svg",
        tailwind=False,  # compiles in the browser, for the second that a first look has
        reconnect_timeout=GRACE,
        show_welcome_message=False,
        uvicorn_logging_level="warning",
    )


async def stream(lab: Lab, websocket: WebSocket, key: str) -> None:
    """Send a game's news to its page: the next when it has drawn the last, so that none pile up."""
    await websocket.accept()
    scene_known = False
    try:
        while (opened := lab.games.get(key)) is not None:
            await websocket.receive_text()
            news = await opened.news(websocket, scene_known)
            if news is None:
                break
            scene_known = scene_known or news["scene"] is not None
            await websocket.send_json(news)
        await websocket.close()
    except WebSocketDisconnect:
        pass  # the page is gone; its games end when it has been for a while


def _started(options: LabOptions, token: str | None) -> None:
    host = socket.gethostname() if options.host in ("0.0.0.0", "::") else options.host  # which are no names to go to
    host = f"[{host}]" if ":" in host else host
    print(
        f"lightning_gans: the lab is at http://{host}:{options.port}/{f'?token={token}' if token else ''}", flush=True
    )
    print("lightning_gans: Ctrl-C ends it, and its games", flush=True)
