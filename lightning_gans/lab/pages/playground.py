"""Images: a game whose networks are put together of blocks, watched while it is played."""

from pathlib import Path
from typing import Any

from nicegui import context, ui

from lightning_gans.errors import ConfigError
from lightning_gans.lab.blocks_form import BlocksForm
from lightning_gans.lab.explore import Explorer
from lightning_gans.lab.game import PlayedGame
from lightning_gans.lab.image_view import PARTS, ImageView
from lightning_gans.lab.layout import page_frame
from lightning_gans.lab.plane_form import OPTIMIZERS
from lightning_gans.lab.playground import HAVE_MOMENTUM, Blocks, Setup, data_sets, recipes
from lightning_gans.lab.sessions import GamePlace, Lab

_TICK = 0.25  # seconds between two looks at the game, for what stands beside it
_SPEEDS = {1: "Slow motion", 5: "5 steps a second", 20: "20", 0: "As fast as it goes"}
_GOING_ON = ("--trainer.max_steps", "1000000000")  # the rest is in the checkpoint, whose steps are done
_FIELD = "outlined dense hide-bottom-space"
_SHOWN_AT_FIRST = ("samples", "verdicts", "rebuilt")


def build(lab: Lab) -> None:
    """Register the page."""

    @ui.page("/playground")
    def playground(data: str = "digits", recipe: str = "gan") -> None:
        ui.add_head_html('<link rel="stylesheet" href="/static/playground.css">')
        with page_frame("Playground"):
            known = data in data_sets() and recipe in recipes()
            PlaygroundPage(lab, Setup.of(data, recipe) if known else Setup.of("digits", "gan"))


class PlaygroundPage:
    """The page: the game, what one may ask it for, its networks and settings."""

    def __init__(self, lab: Lab, setup: Setup) -> None:
        self.lab, self.place, self.setup = lab, GamePlace(lab), setup
        self.checkpoint: Path | None = None  # what is gone on with instead of the setup
        self._known: object = None  # the scene that was taken last
        with ui.element("div").classes("lab-playground"):
            with ui.element("div").classes("lab-stage"):
                self._build_transport()
                self.error = ui.label().classes("lab-error").props('role="alert"')
                self.view = ImageView()
            with ui.element("aside").classes("lab-settings").props('aria-label="The game"'):
                self._build_choice()
                self._build_switches()
                self._build_exports()
            self.explorer = Explorer(lambda: bool(self.switches["average"].value))
            with ui.element("section").classes("lab-networks").props('aria-label="Networks and players"'):
                self._build_networks()
        self._show_setup()
        context.client.on_delete(self.close)
        ui.timer(0, self.begin, once=True)
        ui.timer(_TICK, self._tick)

    @property
    def game(self) -> PlayedGame | None:
        """The game while it is open."""
        return self.place.opened.game if self.place.opened else None

    async def begin(self) -> None:
        """Set the game up anew, standing still at its beginning; not with blocks that do not fit."""
        try:
            self.setup.check()
        except ConfigError as error:
            self.error.text = f"{error.name}: {error.hint}"
            return
        self.close()
        words = self.setup.words.words if self.checkpoint is None else _GOING_ON
        try:
            opened = await self.place.open(words, parts=self._parts(), checkpoint=self.checkpoint)
        except ConfigError as error:
            self.error.text = str(error)
            return
        if opened is None:
            return
        self.view.watch(opened.key, int(self.setup.value("data.batch_size") or 0))
        self._set_pace()
        self.pending.disable()

    def close(self) -> None:
        """End the page's game."""
        self.error.text = ""
        self.place.close()
        self.view.watch(None)
        self.explorer.show(None)

    # The stage.

    def _build_transport(self) -> None:
        with ui.element("div").classes("lab-transport").props('role="toolbar" aria-label="Playing"'):
            self.play = ui.button("Play", icon="play_arrow", on_click=self._turn)
            ui.button("Step", icon="skip_next", on_click=lambda: self._each("advance")).props("outline")
            ui.button("One update", icon="person", on_click=lambda: self._each("advance_update")).props("outline")
            self.speed = ui.select(_SPEEDS, value=0, label="Speed", on_change=self._set_pace)
            self.speed.props("outlined dense options-dense").classes("lab-speed")
            ui.button("Start anew", icon="replay", on_click=self.begin).props("outline")

    def _turn(self) -> None:
        if self.game is not None:
            self._each("pause" if self.game.state == "playing" else "play")

    def _each(self, what: str) -> None:
        if self.game is not None:
            getattr(self.game, what)()

    def _set_pace(self) -> None:
        if self.game is not None:
            self.game.pace(self.speed.value or None)

    # What is played.

    def _build_choice(self) -> None:
        with ui.element("section").classes("lab-panel"):
            ui.label("The game").classes("lab-heading").props('role="heading" aria-level="2"')
            titles = ({name: each.title for name, each in known.items()} for known in (data_sets(), recipes()))
            for name, options in zip(("data", "recipe"), titles, strict=True):
                field = ui.select(options, value=getattr(self.setup, name), label=name.capitalize())
                field.props(f"{_FIELD} options-dense").classes("lab-field")
                field.on_value_change(lambda event, name=name: self._choose(**{name: event.value}))
            if files := self.lab.checkpoints():
                going_on = ui.select([*files], label="Or go on from a checkpoint", clearable=True)
                going_on.props(f"{_FIELD} options-dense").classes("lab-field")
                going_on.on_value_change(lambda event: self._go_on(files.get(event.value)))
            self.pending = ui.button("Start anew with these", icon="replay", on_click=self.begin)
            self.pending.disable()

    async def _choose(self, **chosen: str) -> None:
        """Other images or another game: with networks that fit, and the recipe's own settings."""
        now = {"data": self.setup.data, "recipe": self.setup.recipe}
        self.setup = Setup.of(**now | chosen)
        self._show_setup()
        await self.begin()

    async def _go_on(self, checkpoint: Path | None) -> None:
        """Play what a checkpoint holds, with its own networks and settings; None for the page's."""
        self.checkpoint = checkpoint
        for part in (self.networks, self.players):
            part.set_visibility(checkpoint is None)
        await self.begin()

    def _build_switches(self) -> None:
        self.switches: dict[str, ui.checkbox] = {}
        with ui.element("fieldset").classes("lab-panel lab-switches"):
            ui.element("legend").props('innerHTML="What is shown"')
            for name, title in PARTS.items():
                box = ui.checkbox(title, value=name in _SHOWN_AT_FIRST, on_change=self._switch)
                self.switches[name] = box.props("dense")

    def _parts(self) -> list[str]:
        return [name for name, box in self.switches.items() if box.value]

    def _switch(self) -> None:
        if self.game is not None:
            self.game.show(self._parts())

    def _build_exports(self) -> None:
        with ui.element("section").classes("lab-panel"):
            ui.label("Take it along").classes("lab-heading").props('role="heading" aria-level="2"')
            ui.button("Config", icon="description", on_click=self._download_config).props("outline")
            ui.button("Checkpoint", icon="save", on_click=self._download_checkpoint).props("outline")

    def _download_config(self) -> None:
        if self.game is None or self.game.scene is None:
            ui.notify("The game is not set up yet")
            return
        ui.download.content(self.game.config_text(), "game.yaml", "application/yaml")

    def _download_checkpoint(self) -> None:
        saved = None if self.game is None else self.game.timeline.state_before(self.game.step)
        if saved is None:
            ui.notify("No state is saved yet: play some steps")
            return
        ui.download.content(saved.read_bytes(), f"step_{saved.stem}.ckpt")

    # Networks and players.

    def _build_networks(self) -> None:
        self.networks = ui.element("div").classes("lab-network-forms")
        self.players = ui.element("fieldset").classes("lab-group lab-players")

    def _show_setup(self) -> None:
        self.networks.clear()
        with self.networks:
            self.forms = {role: BlocksForm(role, self._edit(role)) for role in self.setup.blocks}
        self._show_blocks()
        self.players.clear()
        with self.players:
            ui.element("legend").props('innerHTML="Players"')
            self._number("Batch size", "data.batch_size")
            self._number("Latent numbers", "model.latent_dim")
            for role in self.setup.players:
                self._player(role)

    def _show_blocks(self) -> None:
        for role, form in self.forms.items():
            form.show(self.setup.blocks[role], *self.setup.shapes(role))

    def _edit(self, role: str) -> Any:
        def take(blocks: Blocks) -> None:
            self._take(self.setup.with_blocks(role, blocks))

        return take

    def _player(self, role: str) -> None:
        name = f"model.optimization.{role}"
        with ui.element("div").classes("lab-player"):
            ui.label(role.capitalize())
            kind = ui.select([*OPTIMIZERS], value=self.setup.value(name), label="Optimizer")
            kind.props(f"{_FIELD} options-dense").style("width: 7.5rem")
            self._number("Rate", f"{name}.lr", whole=False)
            momentum = ui.number("Momentum", value=self.setup.momentum(role), min=0, max=0.999, step=0.1)
            momentum.props(f"{_FIELD} step=any").style("width: 6.5rem")

            def move(event: Any) -> None:
                if event.value is not None:
                    self._take(self.setup.with_momentum(role, event.value))

            momentum.on_value_change(move)

            def choose(event: Any) -> None:
                self._take(self.setup.with_setting(name, event.value))
                momentum.set_visibility(event.value in HAVE_MOMENTUM)
                momentum.value = self.setup.momentum(role)

            kind.on_value_change(choose)

    def _number(self, label: str, setting: str, *, whole: bool = True) -> None:
        field = ui.number(label, value=self.setup.value(setting), min=1 if whole else 0)
        field.props(f"{_FIELD} step={1 if whole else 'any'}").style("width: 8rem")

        def write(event: Any) -> None:
            value = event.value
            if value is None or value > 0:
                self._take(self.setup.with_setting(setting, int(value) if whole and value else value))
                if setting == "model.latent_dim":
                    self._show_blocks()

        field.on_value_change(write)

    def _take(self, setup: Setup) -> None:
        """Play this the next time."""
        self.setup = setup
        self.pending.enable()

    # Beside the game.

    async def _tick(self) -> None:
        playing = self.game is not None and self.game.state == "playing"
        self.play.text, self.play.icon = ("Pause", "pause") if playing else ("Play", "play_arrow")
        if self.game is not None and self.game.scene is not None and self.game.scene is not self._known:
            self._known = self.game.scene
            if self.game.scene["kind"] == "points":
                self.close()
                self.error.text = "This checkpoint makes points: the page Plane shows them."
            else:
                self.explorer.show(self.game)
        elif playing:
            await self.explorer.follow()
