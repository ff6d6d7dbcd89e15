"""Points in the plane: one game or two, watched while they are played."""

from typing import Any

from nicegui import context, ui
from nicegui.events import GenericEventArguments

from lightning_gans.errors import ConfigError
from lightning_gans.lab import exercises
from lightning_gans.lab.exports import export_buttons
from lightning_gans.lab.game import PlayedGame
from lightning_gans.lab.game_view import CHARTS, SHOWN
from lightning_gans.lab.layout import page_frame
from lightning_gans.lab.plane_form import SettingsForm
from lightning_gans.lab.presets import Preset, preset, presets
from lightning_gans.lab.seat import DRAWN, Seat
from lightning_gans.lab.sessions import Lab
from lightning_gans.lab.words import Words

_TICK = 0.25  # seconds between two looks at the games, for what stands beside them
_SPEEDS = {1: "Slow motion", 5: "5 steps a second", 20: "20", 100: "100", 0: "As fast as it goes"}
_ALWAYS = ("real", "fake", "modes")


def build(lab: Lab) -> None:
    """Register the page."""

    @ui.page("/plane")
    def plane(preset: str = "ring", exercise: int | None = None, beside: int = 2, seed: int = 0) -> None:
        with page_frame("Plane"):
            try:
                start = named(lab, preset) if exercise is None else exercises.exercise(exercise).preset(beside)
            except ConfigError as error:
                ui.label(str(error)).classes("lab-error")
                start = next(iter(presets().values()))
            PlanePage(lab, start, seed)


def named(lab: Lab, name: str) -> Preset:
    """The preset of a name, or one that begins with a checkpoint of one's own.

    Raises:
        ConfigError: There is none.
    """
    file = lab.checkpoints().get(name)
    return preset(name) if file is None else Preset(name, name, (), parts=("surface",), checkpoint=file)


class PlanePage:
    """The page: one game or two from one seed, what is shown of them, and their settings."""

    def __init__(self, lab: Lab, start: Preset, seed: int) -> None:
        self.lab, self.preset, self.began, self.seed = lab, start, start, seed
        self.seats: list[Seat] = []
        self.chosen = 0  # the seat whose settings are shown
        self.looked_at: int | None = None  # the step that is shown; None for now
        self._live_of: object = None
        self._live: dict[str, Any] = {}  # fields by setting
        self._live_values: dict[str, float | bool] = {}  # as the game had them when they were looked at last
        self._following = False  # whether it is the page that sets a field, and not a visitor
        with ui.element("div").classes("lab-plane-page"):
            with ui.element("div").classes("lab-stage"):
                self._build_transport()
                self._build_timeline()  # above what it changes, so that both are seen
                self.seat_row = ui.element("div").classes("lab-seats")
            with ui.element("aside").classes("lab-settings").props('aria-label="What is shown"'):
                self._build_choice()
                self._build_switches()
                self._build_live()
                self._build_exports()
            self._build_form()
        self._take_seats()
        context.client.on_delete(self.close)
        ui.timer(0, self.begin, once=True)
        ui.timer(_TICK, self._tick)

    @property
    def games(self) -> list[PlayedGame]:
        """Those that are open."""
        return [seat.game for seat in self.seats if seat.game is not None]

    @property
    def playing(self) -> bool:
        """Whether one of them plays."""
        return any(game.state == "playing" for game in self.games)

    async def begin(self) -> None:
        """Set all games up anew."""
        for seat in self.seats:
            seat.seed = self.seed
            seat.show(*self._shown())
            await seat.begin()
        self._set_pace()
        self.pending.disable()

    def close(self) -> None:
        """End the page's games."""
        for seat in self.seats:
            seat.close()

    # The stage.

    def _build_transport(self) -> None:
        with ui.element("div").classes("lab-transport").props('role="toolbar" aria-label="Playing"'):
            self.play = ui.button("Play", icon="play_arrow", on_click=self._turn)
            step = ui.button("Step", icon="skip_next", on_click=lambda: self._each("advance")).props("outline")
            update = ui.button("One update", icon="person", on_click=lambda: self._each("advance_update"))
            step.tooltip("One batch, for all players")
            update.props("outline").tooltip("Within a step: of the player whose turn it is")
            self.needs_game = self.play, step, update
            self.speed = ui.select(_SPEEDS, value=0, label="Speed", on_change=self._set_pace)
            self.speed.props("outlined dense options-dense").classes("lab-speed")
            ui.button("Start anew", icon="replay", on_click=self.begin).props("outline")
            self.stop = ui.number("Stop at step", min=1, step=1, format="%d").props("outlined dense clearable")
            self.stop.classes("lab-stop")
            self.second = ui.switch("Second game", on_change=self._turn_second)
            self.done = ui.label("All steps are done: raise Steps in all, and start anew").props('role="status"')
            self.done.classes("lab-quiet")

    def _build_timeline(self) -> None:
        with ui.element("div").classes("lab-timeline"):
            # Quasar's slider gives its role to an element that cannot be focused.
            self.time = ui.element("input").props('type=range min=0 max=1 value=1 aria-label="Look back to a step"')
            self.time.on("input", self._look_back, js_handler="(e) => emit(Number(e.target.value))", throttle=0.05)
            self.time_label = ui.label("Now").classes("lab-time")
            self.back = ui.button("Go on from here", icon="undo", on_click=self._go_back).props("outline")
            self.back.disable()

    def _turn(self) -> None:
        if self.playing:
            self._each("pause")
            return
        self._show_now()
        stop = int(self.stop.value or 0)
        before = [game for game in self.games if game.step < stop]  # two games come to stand at the same step
        for game in before:
            game.advance(stop - game.step)
        if not before:
            self._each("play")

    def _each(self, what: str) -> None:
        self._show_now()
        for game in self.games:
            getattr(game, what)()

    def _set_pace(self) -> None:
        for game in self.games:
            game.pace(self.speed.value or None)

    async def _turn_second(self) -> None:
        if self.second.value == (len(self.seats) > 1):
            return
        if not self.second.value:
            self._drop_seat()
            self._show_choice(0)
            return
        self._add_seat(self.seats[0].words)
        self._show_choice(1)
        await self.begin()

    def _drop_seat(self) -> None:
        self.seats.pop().close()
        self.seat_row.default_slot.children[-1].delete()

    def _show_choice(self, chosen: int) -> None:
        for each in (self.choice, *(seat.title for seat in self.seats)):
            each.set_visibility(len(self.seats) > 1)
        self.choice.value = chosen
        self._choose()

    def _add_seat(self, words: Words) -> None:
        with self.seat_row:
            name = ("First game", "Second game")[len(self.seats)]
            self.seats.append(Seat(self.lab, name, words, self.seed, self._choose))
        self.seats[-1].checkpoint = self.preset.checkpoint

    # Looking back.

    def _look_back(self, event: GenericEventArguments) -> None:
        step, last = int(event.args), self._last_step()
        self.time.props.update(value=step)
        self.looked_at = step if step < last else None
        self._show_time()
        for seat in self.seats:
            if seat.game is not None:
                seat.view.look_back(None if self.looked_at is None else seat.game.timeline.at(step))

    def _show_now(self) -> None:
        if self.looked_at is not None:
            self.looked_at = None
            for seat in self.seats:
                seat.view.look_back(None)
        self._show_time()

    def _show_time(self) -> None:
        now = self.looked_at is None
        first = min((game.timeline.frames[0]["step"] for game in self.games if game.timeline.frames), default=0)
        last = max(first + 1, self._last_step())
        self.time.props.update(min=first, max=last, **({"value": last} if now else {}))
        self.time_label.text = "Now" if now else f"Step {self.looked_at}"
        self.back.set_enabled(not now)

    def _go_back(self) -> None:
        for game in self.games:
            game.go_back(self.looked_at or 0)
        self._set_pace()
        self.looked_at = None  # the views show that step until the games have come there
        self._show_time()

    def _last_step(self) -> int:
        return max((game.step for game in self.games), default=0)

    # The settings.

    def _build_choice(self) -> None:
        with ui.element("section").classes("lab-panel"):
            ui.label("Begin with").classes("lab-heading").props('role="heading" aria-level="2"')
            names = {each.name: each.title for each in (self.preset, *presets().values())}
            names |= {name: name for name in self.lab.checkpoints()}
            self.start = ui.select(names, value=self.preset.name, label="Game", on_change=self._take_preset)
            self.start.props("outlined dense")
            self.note = ui.label(self.preset.note)
            self.page = ui.link("Back to the exercise", self.preset.page or "/exercises")
            with ui.row().classes("items-center"):
                number = ui.number("Seed", value=self.seed, min=0, step=1, on_change=self._take_seed)
                number.props("outlined dense").classes("lab-seed")

    async def _take_preset(self) -> None:
        if self.start.value != self.preset.name:
            began = self.start.value == self.began.name
            self.preset = self.began if began else named(self.lab, self.start.value)
        for name in SHOWN:
            self.switches[name].value = name in (*_ALWAYS, *self.preset.parts)
        self._take_seats()
        await self.begin()

    def _take_seats(self) -> None:
        """As many games as the preset has, each with its words."""
        given = [self.preset.words, *([self.preset.second] if self.preset.second else [])]
        while self.seats:
            self._drop_seat()
        for words in given:
            self._add_seat(Words(words))
        for seat, title in zip(self.seats, self.preset.titles, strict=False):
            seat.title.text = f"{seat.name}: {title}"
        self.stop.value = self.preset.stop or None
        self.note.text = self.preset.note
        self.page.set_visibility(bool(self.preset.page))
        self.second.value = len(self.seats) > 1
        self._show_choice(0)

    def _take_seed(self, event: Any) -> None:
        self.seed = int(event.value or 0)

    def _build_switches(self) -> None:
        self.switches: dict[str, ui.checkbox] = {}
        with ui.element("fieldset").classes("lab-panel lab-switches"):
            ui.element("legend").props('innerHTML="What is shown"')
            for name, title in SHOWN.items():
                on = name in (*_ALWAYS, *self.preset.parts)
                self.switches[name] = ui.checkbox(title, value=on, on_change=self._switch).props("dense")
        with ui.element("fieldset").classes("lab-panel lab-switches"):
            ui.element("legend").props('innerHTML="Curves"')
            for name, title in CHARTS.items():
                self.switches[f"chart {name}"] = ui.checkbox(title, value=True, on_change=self._switch).props("dense")

    def _shown(self) -> tuple[list[str], list[str]]:
        parts = [name for name in SHOWN if self.switches[name].value]
        return parts, [name for name in CHARTS if self.switches[f"chart {name}"].value]

    def _switch(self) -> None:
        for seat in self.seats:
            seat.show(*self._shown())

    def _build_form(self) -> None:
        with ui.element("section").classes("lab-panel lab-form"):
            ui.label("The game, as fit plays it").classes("lab-heading").props('role="heading" aria-level="2"')
            self.choice = ui.toggle({0: "First game", 1: "Second game"}, value=0, on_change=self._choose)
            self.choice.set_visibility(False)
            self.pending = ui.button("Start anew with these", icon="replay", on_click=self.begin)
            self.pending.disable()
            self.form = SettingsForm(self._take_words)

    def _choose(self) -> None:
        self.chosen = min(self.choice.value or 0, len(self.seats) - 1)
        self.form.show(self.seats[self.chosen].words)
        whose = f": {self.seats[self.chosen].name.lower()}" if len(self.seats) > 1 else ""
        self.live_title.text, self.export_title.text = f"Change while it plays{whose}", f"Take it along{whose}"

    def _take_words(self, words: Words) -> None:
        seat = self.seats[self.chosen]
        drawn = DRAWN in words.configs and DRAWN not in seat.words.configs
        seat.words = words
        self.pending.enable()
        if drawn:
            seat.draw_points()

    # What can be changed while it plays.

    def _build_live(self) -> None:
        with ui.element("section").classes("lab-panel"):
            self.live_title = ui.label().classes("lab-heading").props('role="heading" aria-level="2"')
            self.live = ui.element("div").classes("lab-live")
            self.changes = ui.label().classes("lab-quiet")

    def _show_live(self, game: PlayedGame) -> None:
        self._live_values = dict((game.scene or {})["settings"])
        self.live.clear()
        with self.live:
            self._live = {name: self._live_field(game, name, value) for name, value in self._live_values.items()}

    def _follow_live(self, game: PlayedGame) -> None:
        """Show what has changed by itself, and leave alone what is being typed, or waits for the end of a step."""
        present = dict((game.scene or {})["settings"])
        changed = {name: value for name, value in present.items() if self._live_values[name] != value}
        self._live_values, self._following = present, True
        for name, value in changed.items():
            self._live[name].value = value
        self._following = False

    def _live_field(self, game: PlayedGame, setting: str, value: float | bool) -> Any:
        if isinstance(value, bool):

            def turn(event: Any) -> None:
                if not self._following:
                    game.change(setting, event.value)

            return ui.checkbox(setting, value=value, on_change=turn).props("dense")
        field = ui.number(setting, value=value).props("outlined dense step=any")

        def change() -> None:
            if field.value is not None:
                game.change(setting, field.value)

        field.on("change", change)
        return field

    # Taking it along.

    def _build_exports(self) -> None:
        with ui.element("section").classes("lab-panel"):
            self.export_title = ui.label().classes("lab-heading").props('role="heading" aria-level="2"')
            with ui.row().classes("lab-exports"):
                export_buttons(lambda: self.seats[self.chosen].game)

    # Beside the games.

    def _tick(self) -> None:
        playing = self.playing
        for button in self.needs_game:
            button.set_enabled(bool(self.games))
        self.play.text, self.play.icon = ("Pause", "pause") if playing else ("Play", "play_arrow")
        self._show_time()
        game = self.seats[self.chosen].game
        if game is not None and game.scene is not None and self._live_of != (game, id(game.scene)):
            self._live_of = game, id(game.scene)
            self._show_live(game)
        elif game is not None and game.scene is not None:
            self._follow_live(game)
        self.done.set_visibility(bool(self.games) and all(each.state == "finished" for each in self.games))
        for seat in self.seats:
            if seat.opened is not None and seat.opened.said:
                ui.notify(" ".join(seat.opened.said), type="warning")
                seat.opened.said.clear()
        made = game.changes[-5:] if game is not None else []
        self.changes.text = "; ".join(f"step {each['step']}: {each['setting']} {each['value']:g}" for each in made)
