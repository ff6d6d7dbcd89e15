"""Memory of the lab while pages are open, each with a game of its own, and how soon the first one is seen.

    python benchmarks/lab_pages.py --first 5
    python benchmarks/lab_pages.py --pages 5 --minutes 10

The first starts the lab so often, beside a browser that is open, and prints the seconds from the command to the page's
first contentful paint, and to its game's. The second prints, once a minute, the memory of the server, of the games'
processes together (what is theirs alone), and how far the games are; then it closes the pages, and says what is left.
Needs ``pip install playwright`` and ``apt-get install chromium``.
"""

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SLOW = 180_000  # milliseconds that a page may take
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    """Open the pages, and watch."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--speed", default="20", help="of the games, as the page calls it")
    parser.add_argument("--first", type=int, default=0, help="starts of the lab, of which the first page is timed")
    options = parser.parse_args()
    if options.first:
        time_first_pages(options.first)
        return
    server, home = started("--trainings", str(options.pages))
    try:
        watch(home, server.pid, options)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def started(*further: str) -> tuple["subprocess.Popen[bytes]", str]:
    """The lab's process, and the address of its pages."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "lightning_gans.cli", "lab", "--port", str(port), "--show", "false"]
    return subprocess.Popen([*command, *further]), f"http://127.0.0.1:{port}"


def time_first_pages(starts: int) -> None:
    """Print a line a start."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(starts):
            page = browser.new_page()
            page.set_default_timeout(SLOW)
            begun = time.time()
            server, home = started()
            try:
                while not listens(home):
                    time.sleep(0.05)
                page.goto(f"{home}/plane")
                page.wait_for_selector("main canvas")
                painted = page.evaluate(f"(performance.timeOrigin + {PAINT}) / 1000")
                page.wait_for_function("document.querySelectorAll('.lab-numbers dd').length > 0")
                print(f"first paint {painted - begun:.1f} s, first game {time.time() - begun:.1f} s", flush=True)
                page.close()
            finally:
                server.send_signal(signal.SIGINT)
                server.wait()
        browser.close()


def watch(home: str, server: int, options: argparse.Namespace) -> None:
    """Play in all pages, and print the memory."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        while not listens(home):
            time.sleep(0.05)
        pages = [browser.new_page(viewport={"width": 1280, "height": 800}) for _ in range(options.pages)]
        for page in pages:
            page.set_default_timeout(SLOW)
            page.goto(f"{home}/plane?preset=ring")
            page.wait_for_selector("main canvas")
            play(page, options.speed)
        for minute in range(options.minutes + 1):
            steps = [page.locator(".lab-numbers dd").first.inner_text() for page in pages]
            games = games_of(server)
            print(
                f"{minute:3} min: server {megabytes(server, 'Pss'):.0f} MB, {len(games)} games "
                f"{sum(megabytes(game, 'Private_Dirty') for game in games):.0f} MB; steps {', '.join(steps)}",
                flush=True,
            )
            time.sleep(60 if minute < options.minutes else 0)
        for page in pages:
            page.close()
        time.sleep(15)
        print(f"all closed: server {megabytes(server, 'Pss'):.0f} MB, {len(games_of(server))} games")
        browser.close()


def play(page: Page, speed: str) -> None:
    """Set a page's game going."""
    page.get_by_label("Speed", exact=True).click()
    page.get_by_role("option", name=speed, exact=True).click()
    page.wait_for_function("document.querySelectorAll('.lab-numbers dd').length > 0")
    page.get_by_role("button", name="Play", exact=True).click()


def listens(home: str) -> bool:
    """Whether the lab has begun to serve; asks nothing of it."""
    try:
        socket.create_connection(("127.0.0.1", int(home.rpartition(":")[2])), 1).close()
    except OSError:
        return False
    return True


def games_of(server: int) -> list[int]:
    """Processes that were forked from the one that the server started for it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    own = {child for child, parent in parents.items() if parent == server}
    return [child for child, parent in parents.items() if parent in own]


def megabytes(process: int, kind: str) -> float:
    """Memory of a process, by Linux's own count."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0.0
    return float(next(line.split()[1] for line in lines if line.startswith(f"{kind}:"))) / 1000


if __name__ == "__main__":
    main()
