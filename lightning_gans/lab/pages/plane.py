"""Points in the plane: the game watched while it is played."""

from nicegui import ui

from lightning_gans.lab.layout import page_frame
from lightning_gans.lab.sessions import Lab


def build(lab: Lab) -> None:
    """Register the page."""

    @ui.page("/plane")
    def plane(preset: str = "", seed: int = 0) -> None:
        with page_frame("Plane"):
            ui.label(preset)
