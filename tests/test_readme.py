"""The first page: short, the two commands first, and what it says of other libraries can be looked up."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_it_has_at_most_150_lines():
    assert len(README.splitlines()) <= 150


def test_the_first_block_is_the_two_commands():
    first = re.search(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    comments = [line.partition(" # ")[2] for line in first[1].splitlines()]
    assert comments == ["set-up and main job", "set-up and tests"]


def test_other_libraries_are_read_at_a_commit():
    links = re.findall(r"\]\((https://github\.com/[^)]+)\)", README)
    assert len(links) > 50
    at_a_commit = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/blob/[0-9a-f]{10}/\S+")
    assert [link for link in links if not at_a_commit.fullmatch(link)] == []


def test_every_library_has_a_cell_in_every_row():
    table = README.partition("## Beside other libraries")[2].partition("\n\nWhere the others")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert {row.count(" | ") for row in rows if not row.startswith("|---")} == {7}
