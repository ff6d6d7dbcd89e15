"""Take the pictures of the lab's pages that the documentation shows, as a visitor sees them.

    python scripts/lab_pictures.py [PAGE ...]

starts the lab, opens each page in Debian's chromium, plays a while, and writes ``docs/images/lab_PAGE.png``. Needs
``pip install playwright`` and ``apt-get install chromium``.
"""

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUTPUT = Path(__file__).parents[1] / "docs/images"
SLOW = 120_000  # milliseconds that a page may take


def main() -> None:
    """Take them all, or those that are named."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(VISITS)}; all by default")
    names = parser.parse_args().names or list(VISITS)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "lightning_gans.cli", "lab", "--port", str(port), "--show", "false"]
    server = subprocess.Popen(command)
    try:
        take(names, f"http://127.0.0.1:{port}")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def take(names: list[str], home: str) -> None:
    """Visit each page, and keep what is seen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.set_default_timeout(SLOW)
        while not answers(home):
            time.sleep(0.02)
        for name in names:
            path, act = VISITS[name]
            page.goto(home + path)
            page.wait_for_selector("main")
            act(page)
            file = OUTPUT / f"lab_{name}.png"
            page.screenshot(path=file)
            Image.open(file).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
            print(f"{file.name}: {file.stat().st_size // 1000} kB")
        browser.close()


def answers(home: str) -> bool:
    """Whether the lab has begun to serve."""
    try:
        return bool(urllib.request.urlopen(home, timeout=5).status == 200)
    except OSError:
        return False


def played(seconds: float, numbers: int) -> Callable[[Page], None]:
    """Play so long before the picture is taken, once so many numbers are shown."""

    def act(page: Page) -> None:
        page.wait_for_function(f"document.querySelectorAll('.lab-numbers dd').length >= {numbers}")
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_timeout(1000 * seconds)

    return act


def drawn(page: Page) -> None:
    """Take the example, and wait for what is made of it."""
    page.get_by_role("button", name="Example").click()
    page.wait_for_function("[...document.images].some(image => image.naturalWidth > 1)")
    page.wait_for_timeout(5000)


def waited(seconds: float) -> Callable[[Page], None]:
    """Wait so long before the picture is taken."""
    return lambda page: page.wait_for_timeout(1000 * seconds)


VISITS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "plane": ("/plane?preset=trained_ring", played(6, 7)),
    "two_games": ("/plane?preset=clipped", played(45, 14)),
    "playground": ("/playground", played(60, 1)),
    "draw": ("/draw", drawn),
    "exercises": ("/exercises", waited(2)),
    "quiz": ("/quiz", waited(5)),
}
"""The pages, and what is done before the picture is taken."""

if __name__ == "__main__":
    main()
