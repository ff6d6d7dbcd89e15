"""Write docs/exercises.md from the exercises of the lab.

python scripts/write_exercises.py
"""

import textwrap
from pathlib import Path

from lightning_gans.lab.exercises import Exercise, exercises

PAGE = Path(__file__).parents[1] / "docs/exercises.md"
HEAD = """\
<!-- Made of lightning_gans/lab/exercises.yaml by scripts/write_exercises.py: change that file. -->

# Exercises

Questions of courses on generative models that can be answered by looking. Guess first; then look; then unfold the
answer.

`lightning_gans lab` has them on its page *Exercises*: it opens their games in the plane, two beside each other, and
computes their pictures. Without it, the commands here play and compute the same; a further word, FILE.png, keeps a
computed picture. Each claim is asserted by the test of its number in `tests/lab/test_exercises.py`, and the numbers
that an answer quotes are compared with those that are computed.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([HEAD, *map(section, exercises().values())])


def section(exercise: Exercise) -> str:
    """An exercise: what `fit` plays at first, or what is computed, and the answer folded."""
    shown = "\n".join(exercise.commands)
    titles = f" The games: {'; '.join(exercise.games)}." if len(exercise.games) > 1 else ""
    answer = wrapped(f"{exercise.answer} ({exercise.source})")
    return f"""\
## {exercise.number}. {exercise.title}

{wrapped(exercise.question)}

{wrapped(f"**Look.** {exercise.look}{titles}")}

```bash
{shown}
```

<details><summary>Answer</summary>
<p>
{answer}
</p>
</details>
"""


def wrapped(text: str) -> str:
    """In lines of 120 characters."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(page())
