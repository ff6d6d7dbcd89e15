"""The exercises: a question each, what to look at, the game or the computation, and an answer to unfold."""

import asyncio
import base64
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from nicegui import ui

from lightning_gans.lab.exercises import Exercise, computed, exercises
from lightning_gans.lab.game import start_server
from lightning_gans.lab.layout import page_frame
from lightning_gans.lab.sessions import Lab

_computed: dict[str, tuple[dict[str, float], bytes]] = {}  # each is the same every time
_turn = asyncio.Lock()


def build(lab: Lab) -> None:
    """Register the page."""

    @ui.page("/exercises")
    def page() -> None:
        ui.add_head_html('<link rel="stylesheet" href="/static/exercises.css">')
        with page_frame("Exercises"):
            ui.label("Questions that can be answered by looking. Guess first; then play, and unfold the answer.")
            with ui.element("div").classes("lab-exercises"):
                for exercise in exercises().values():
                    _show(exercise)


async def demonstrated(name: str) -> tuple[dict[str, float], bytes]:
    """Numbers and picture of a demonstration, computed once, one at a time, in a process that ends with it."""
    async with _turn:
        if name not in _computed:
            await asyncio.to_thread(start_server)  # its imports are at hand there
            pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))
            try:
                _computed[name] = await asyncio.get_running_loop().run_in_executor(pool, computed, name)
            finally:
                pool.shutdown(wait=False)
        return _computed[name]


def _show(exercise: Exercise) -> None:
    with ui.element("article").classes("lab-panel").props(f"id=exercise-{exercise.number}"):
        title = f"{exercise.number}. {exercise.title}"
        ui.label(title).classes("lab-heading").props('role="heading" aria-level="2"')
        ui.label(exercise.question)
        ui.label(exercise.look).classes("lab-quiet")
        _show_games(exercise)
        if exercise.demonstration:
            _show_demonstration(exercise)
        with ui.expansion("Answer").props("dense").classes("lab-answer"):
            ui.label(exercise.answer)
            ui.label(exercise.source).classes("lab-quiet")


def _show_games(exercise: Exercise) -> None:
    """A way to the Plane for each pair of the first game and another."""
    first, *others = exercise.games or [""]
    with ui.element("div").classes("lab-links"):
        if first and not others:
            ui.link(f"Play: {first}", f"/plane?exercise={exercise.number}")
        for beside, other in enumerate(others, 2):
            ui.link(f"Play: {first}; beside it: {other}", f"/plane?exercise={exercise.number}&beside={beside}")


def _show_demonstration(exercise: Exercise) -> None:
    async def compute() -> None:
        button.disable()
        button.text = "Computing: some seconds"
        try:
            numbers, picture = await demonstrated(exercise.demonstration)
        finally:
            button.enable()
            button.text = "Compute it"
        place.clear()
        with place:
            image = ui.element("img").props(f'src="data:image/png;base64,{base64.b64encode(picture).decode()}"')
            image.props(f'alt="{exercise.title}: the numbers are below"')
            with ui.element("dl").classes("lab-numbers"):
                for what, value in numbers.items():
                    with ui.element("div"):
                        ui.element("dt").props(f'innerHTML="{what}"')
                        ui.element("dd").props(f'innerHTML="{value:.4g}"')

    button = ui.button("Compute it", icon="calculate", on_click=compute).props("outline")
    place = ui.element("div").classes("lab-demonstration").props("aria-live=polite")
