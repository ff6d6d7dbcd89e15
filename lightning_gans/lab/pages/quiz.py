"""Which one is real? The visitor as the classifier of a two-sample test."""

import base64
import random

from nicegui import ui

from lightning_gans.lab.layout import page_frame
from lightning_gans.lab.quiz import GENERATORS, Question, ask, chance_of
from lightning_gans.lab.sessions import Lab


def build(lab: Lab) -> None:
    """Register the page."""

    @ui.page("/quiz")
    def page() -> None:
        ui.add_head_html('<link rel="stylesheet" href="/static/exercises.css">')
        with page_frame("Quiz"), ui.element("div").classes("lab-quiz"):
            QuizPage()


class QuizPage:
    """The page: a pair of digits, and what the answers so far say."""

    def __init__(self) -> None:
        self._chance, self.right, self.asked = random.Random(), 0, 0
        ui.label("One of the two is a digit that somebody wrote. Which one?").classes("lab-heading")
        self.generator = ui.select(GENERATORS, value="gan_4000", label="The other is by", on_change=self._begin)
        self.generator.props("outlined dense")
        self.pair = ui.element("div").classes("lab-pair").props('role="group" aria-label="Choose the real one"')
        self.verdict = ui.label().props('role="status"')
        self.next = ui.button("Next pair", icon="navigate_next", on_click=self._ask).props("outline")
        self.score = ui.label().classes("lab-quiet")
        ui.label(
            "D is asked this in every step, and what you do is exercise 10: who is right no more often than by guessing"
            " cannot tell the two distributions."
        )
        self._begin()

    def _begin(self) -> None:
        self.right = self.asked = 0
        self.score.text = ""
        self._ask()

    def _ask(self) -> None:
        self.question: Question = ask(self.generator.value, self._chance)
        self.verdict.text = ""
        self.next.disable()
        self.buttons: list[ui.element] = []
        self.pair.clear()
        with self.pair:
            for number, image in enumerate(self.question.images):
                place = ("left", "right")[number]
                button = ui.element("button").props(f'type="button" aria-label="The {place} one is real"')
                button.on("click", lambda number=number: self._answer(number))
                self.buttons.append(button)
                with button:
                    ui.element("img").props(f'src="data:image/png;base64,{base64.b64encode(image).decode()}" alt=""')

    def _answer(self, number: int) -> None:
        if self.next.enabled:
            return  # it was answered, and is still there to be looked at
        self.next.enable()
        self.buttons[self.question.real].classes("lab-real")
        hit = number == self.question.real
        self.right, self.asked = self.right + hit, self.asked + 1
        place = ("left", "right")[self.question.real]
        self.verdict.text = f"{'Right' if hit else 'Wrong'}: the {place} one was real."
        chance = chance_of(self.right, self.asked)
        self.score.text = f"{self.right} of {self.asked} right. Guessing does as well or better with p = {chance:.2g}."
