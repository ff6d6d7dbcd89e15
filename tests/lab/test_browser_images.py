"""Draw and Playground in a real browser: every control is pressed."""

import re

from tests.lab.test_browser import browser, press, pytestmark, server, sync_api, until, visit

__all__ = ["browser", "pytestmark", "server", "visit"]  # fixtures and the mark of that file

TILES = ".lab-gallery .lab-tile img"


def answers(page):
    """What came, once all of the drawing has been answered."""
    page.locator(".lab-sketch img[aria-busy=false]").wait_for()
    return page.locator(".lab-sketch img").get_attribute("src")


def stroke(page, *places):
    box = page.locator("canvas").bounding_box()
    for number, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def test_what_is_drawn_is_translated(visit):
    page = visit("/draw")
    example = answers(page)
    press(page, "Clear")
    empty = answers(page)
    stroke(page, (0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2))
    square = answers(page)
    assert len({example, empty, square}) == 3
    press(page, "Eraser")
    stroke(page, (0.1, 0.5), (0.5, 0.5))
    assert answers(page) != square
    press(page, "Undo")
    assert answers(page) == square
    press(page, "Pen")
    page.get_by_label("Width").fill("4")
    page.locator("canvas").focus()
    for key in ("Space", "ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    by_keyboard = answers(page)
    assert by_keyboard != square
    press(page, "Example")
    assert answers(page) not in (example, by_keyboard)
    with page.expect_download() as download:
        press(page, "Save")
    assert download.value.suggested_filename == "drawing.png"


def test_a_picture_is_opened_and_another_file_is_refused(visit, tmp_path):
    from PIL import Image

    Image.new("RGB", (100, 50), "red").save(tmp_path / "red.png")
    (tmp_path / "text.png").write_text("no image")
    page = visit("/draw")
    example = answers(page)
    page.locator("input[type=file]").set_input_files(tmp_path / "text.png")
    page.get_by_text("no image that the browser can read").wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "red.png")
    assert answers(page) != example


def has_stepped(page):
    press(page, "Step")
    page.wait_for_timeout(500)
    return re.search(r"64|128", page.locator(".lab-numbers").inner_text())


def test_blocks_are_put_together_and_the_game_played(visit):
    page = visit("/playground")
    page.locator(TILES).first.wait_for()
    forms = page.locator(".lab-blocks")
    forms.nth(0).get_by_role("button", name="convolutional").click()
    sync_api.expect(forms.nth(0).locator(".lab-block")).to_have_count(8)
    forms.nth(1).get_by_role("button", name="Remove flatten").click()
    forms.nth(1).get_by_text("flatten them first").wait_for()
    press(page, "Start anew with these")
    page.get_by_text("blocks[0]").wait_for()
    forms.nth(1).get_by_label("Add a block").click()
    page.get_by_role("option", name="flatten", exact=True).click()
    up = forms.nth(1).get_by_role("button", name="Up: flatten")
    for _ in range(4):
        up.click()
    forms.nth(1).get_by_label("features").first.fill("32")
    press(page, "Start anew with these")
    page.locator(TILES).first.wait_for()
    until(page, lambda: has_stepped(page))  # once the game that was put together is open
    press(page, "One update")
    until(page, lambda: "generator" in page.locator(".lab-numbers").inner_text())
    press(page, "Play")
    press(page, "Pause")
    with page.expect_download() as download:
        press(page, "Config")
    assert download.value.suggested_filename == "game.yaml"


def test_a_game_is_asked_for_latents_classes_a_walk_and_what_comes_back(visit):
    page = visit("/playground?recipe=cvae")
    picture = page.locator(".lab-large[src]")
    picture.wait_for()
    before = picture.get_attribute("src")
    page.get_by_label("Number 1 of the latent").fill("2.5")
    until(page, lambda: picture.get_attribute("src") != before)
    for name, count in (("3", 16), ("Walk", 32), ("Others", 48)):
        press(page, name)
        sync_api.expect(page.locator(".lab-explore .lab-tiles img")).to_have_count(count)
    press(page, "Another")
    for _ in range(5):  # more often than games may train: each but the last has ended
        page.get_by_role("button", name="Start anew", exact=True).dblclick()
    page.locator(TILES).first.wait_for()
    assert not page.get_by_role("alert").inner_text()
    for box in page.get_by_role("checkbox").all():
        box.click()
    page.get_by_label("Recipe").click()
    page.get_by_role("option", name="Hinge").click()
    page.locator(".lab-blocks", has_text="Discriminator").wait_for()
