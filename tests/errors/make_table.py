"""Write `docs/problems.md` from the table of codes and the stored screens: `python -m tests.errors.make_table`."""

from pathlib import Path

from graphflow.problems import CODES, Level
from tests.errors.screens import FOLDER

TARGET = Path(__file__).parents[2] / "docs" / "problems.md"

HEAD = """\
# Problems

Every problem has a code, a place, a reason and a fix. `graphflow check` reports all problems of a graph at once, and
`graphflow check --json` prints them as data.

```
{example}
```

Generated from the code by `python -m tests.errors.make_table`; a test compares it.
"""

SECTIONS = {
    Level.PROBLEM: "The graph cannot run; the exit code is 2, or 1 for problems that appear only during the run.",
    Level.WARNING: "Probably not meant; the graph runs, but `check --strict` exits with an error.",
    Level.HINT: "Could be cheaper or clearer; it does not affect the exit code.",
}
NAMES = {Level.PROBLEM: "Problems", Level.WARNING: "Warnings", Level.HINT: "Hints"}


def table() -> str:
    """The whole page."""
    screen = (FOLDER / "unknown-key.txt").read_text(encoding="utf-8").splitlines()
    parts = [HEAD.format(example="\n".join(screen[:2]))]
    for level, meaning in SECTIONS.items():
        rows = [
            f"| [`{name}`](../tests/errors/{name}.txt) | {code.meaning} |"
            for name, code in CODES.items()
            if code.level is level
        ]
        parts += [f"## {NAMES[level]}", "", meaning, "", "| code | meaning |", "|---|---|", *rows, ""]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(table(), encoding="utf-8")
