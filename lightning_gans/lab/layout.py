"""What all pages of the lab have: the header with the way to the others, light or dark, and a place for the page."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import context, ui

TITLES = {
    "plane": "Plane",
    "playground": "Playground",
    "draw": "Draw",
    "exercises": "Exercises",
    "quiz": "Quiz",
}
"""Of the pages, by name."""

_THEMES = {None: ("brightness_auto", "auto"), False: ("light_mode", "light"), True: ("dark_mode", "dark")}
_COOKIE = "lightning_gans_lab_theme"


@contextmanager
def page_frame(title: str) -> Iterator[None]:
    """Header and main part of a page, which is filled within; Quasar's classes and ``static/lab.css`` style it.

    Args:
        title: One of ``TITLES``, or another.
    """
    ui.add_head_html('<link rel="stylesheet" href="/static/lab.css">')
    ui.page_title(f"{title} - lightning_gans lab")
    with ui.header().classes("lab-header"):
        ui.label("lightning_gans lab").classes("lab-name")
        with ui.element("nav").props('aria-label="Pages"'):
            for name, each in TITLES.items():
                current = ' aria-current="page"' if each == title else ""
                ui.link(each, f"/{name}").props(current)
        _theme_button()
    with ui.element("main").classes("lab-main") as main:
        ui.element("h1").props(f'innerHTML="{title}"').classes("lab-title")
        yield
    ui.skip_link("Skip to the page", target=main)


def _theme_button() -> None:
    """Light, dark, or as the system has it; kept in a cookie, since each page is built anew."""
    given = context.client.request.cookies.get(_COOKIE)
    theme = ui.dark_mode({"light": False, "dark": True}.get(given or ""))
    button = ui.button(icon=_THEMES[theme.value][0]).props('flat round aria-label="Light or dark"')

    def turn() -> None:
        theme.value = {None: True, True: False, False: None}[theme.value]
        icon, name = _THEMES[theme.value]
        button.icon = icon
        ui.run_javascript(f"document.cookie = '{_COOKIE}={name}; path=/; samesite=lax; max-age=31536000'")

    button.on_click(turn)
