"""Runs with a broken screen, surroundings or folder: what can be written is, and the exit code says the rest."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.trials import trial
from tests.trials.calls import GRAPHS, broken_record, graph, pictures, script
from tests.trials.kills import LIMITS
from tests.trials.trial import Outcome, chance, unshowable

_LESS = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search"

_TERMINAL = 'script -qec "$(declare -f run); OUT=out; run" /dev/null'
_SMALL = "mkdir out; mount -t tmpfs -o size={}k trials out && run; code=$?; cp -r out kept; umount out; exit $code"
_BEGUN = "until [ -s out/events.jsonl ]; do sleep 0.01; done"
_MEANWHILE = f"({_BEGUN}; {{}}) >/dev/null 2>&1 & other=$!; run; code=$?; kill $other 2>/dev/null; exit $code"
_MINE = "mkdir out; echo mine >out/{0}; run; code=$?; grep -qx mine out/{0} || exit 99; rm out/{0}; exit $code"

STREAMS = {
    "stdout closed": "run >&-",
    "stderr closed": "run 2>&-",
    "both closed": "run >&- 2>&-",
    "all three closed": "run <&- >&- 2>&-",
    "stdout full": "run >/dev/full",
    "stderr full": "run 2>/dev/full",
    "both full": "run >/dev/full 2>/dev/full",
    "stdout closed, stderr full": "run >&- 2>/dev/full",
    "no reader of stdout": "run | true; exit ${PIPESTATUS[0]}",
    "no reader of stderr": "run 2> >(exec 0<&-; sleep 1)",
    "no reader of both": "run 2>&1 | true; exit ${PIPESTATUS[0]}",
    "reader of stdout goes": "run | head -n 1; exit ${PIPESTATUS[0]}",
    "reader of stderr goes": "run 2> >(head -n 1)",
    "reader of both goes": "run 2>&1 | head -n 2; exit ${PIPESTATUS[0]}",
    "terminal": _TERMINAL,
    "terminal goes": f"({_TERMINAL} & sleep $AFTER; kill -HUP $!; wait $!); sleep 5",
}
"""Name → bash; what is written is the same as ever, whoever reads."""

SURROUNDINGS = {
    "ASCII": "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 PYTHONIOENCODING=ascii run",
    "locale C": "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 run",
    "PYTHONOPTIMIZE=1": "PYTHONOPTIMIZE=1 run",
    "PYTHONOPTIMIZE=2": "PYTHONOPTIMIZE=2 run",
    "PYTHONWARNINGS=error": "PYTHONWARNINGS=error run",
    "PYTHONDEVMODE": "PYTHONDEVMODE=1 run",
    "no HOME": "env -u HOME true; HOME=/nothing run",
    "HOME is a file": "touch home; HOME=$PWD/home run",
    "no TMPDIR": "TMPDIR=/nothing run",
    "no cache": "GRAPHFLOW_CACHE=/proc/nothing run",
    "the cache is a file": "touch cache; GRAPHFLOW_CACHE=$PWD/cache run",
    "the cache is a pipe": "mkdir -p cache; mkfifo cache/weights; GRAPHFLOW_CACHE=$PWD/cache run",
    "few open files": "ulimit -n 40; run",
    "no columns": "COLUMNS=1 LINES=1 TERM=dumb run",
    "the current folder is gone": "OUT=$PWD/out; mkdir gone; cd gone; rmdir ../gone; run",
}
"""As `STREAMS`; a run that cannot work there may be refused at once."""

FOLDERS = {
    "a file": "touch out; run",
    "below a file": "touch f; OUT=f/out; run",
    "a link to itself": "ln -s out out; run",
    "below a link to itself": "ln -s l l; OUT=l/out; run",
    "a link to nothing": "ln -s nothing out; run",
    "a link to a folder": "mkdir there; ln -s there out; run",
    "a device": "OUT=/dev/null; run",
    "below /proc": "OUT=/proc/1/out; run",
    "a long name": "OUT=$(printf 'x%.0s' {1..300}); run",
    "a long path": "OUT=$(printf 'x/%.0s' {1..3000}); run",
    "an empty name": "OUT=; run",
    "an odd name": "OUT=$'a\\n\\e[31mb'; run",
    "no UTF-8": "OUT=$'a\\xff\\xfe'; run",
    "nobody's home": "OUT='~nobody-of-that-name/out'; run",
    "no leave to write": f'mkdir out; chmod 555 out; {_LESS} bash -c "$(declare -f run); OUT=out; run"',
    "no leave to make it": f'mkdir p; chmod 555 p; {_LESS} bash -c "$(declare -f run); OUT=p/out; run"',
    "no leave to read": f'mkdir out; chmod 000 out; {_LESS} bash -c "$(declare -f run); OUT=out; run"',
    "vanishes": _MEANWHILE.format("rm -rf out"),
    "becomes a file": _MEANWHILE.format("rm -rf out; touch out"),
    "loses the leave": _MEANWHILE.replace("run;", f'{_LESS} bash -c "$(declare -f run); OUT=out; run";').format(
        "chmod 555 out"
    ),
    "full": _SMALL.format(64),
    "little room": _SMALL.format(400),
    "small files only": "ulimit -f 8; run",
    "run.json is a folder": "mkdir -p out/run.json; run",
    "events.jsonl is a folder": "mkdir -p out/events.jsonl; run",
    "events.jsonl is a pipe": "mkdir out; mkfifo out/events.jsonl; run",
    "run.json is a pipe": "mkdir out; mkfifo out/run.json; run",
    "report.html is a folder": "mkdir -p out/report.html; run",
    "a picture is a folder": "mkdir -p out/image.png; run",
    "somebody's picture": _MINE.format("image.png"),
    "somebody's report": _MINE.format("report.html"),
    "somebody's run.json": _MINE.format("run.json"),
    "two at once": "run & first=$!; run; code=$?; wait $first; exit $((code | $?))",
}
"""As `STREAMS`, of folders that a run is to write into; exit code 99 says that what was somebody's is lost."""

COMMANDS = (
    *(["check", "selective_color"], ["check", "--json", "selective_color", "text2img"], ["check", "nothing"]),
    *(
        ["plan", "selective_color"],
        ["graphs"],
        ["nodes"],
        ["nodes", "text2img"],
        ["schema"],
        ["draw", "selective_color"],
    ),
    *(["checkpoints", "list"], ["--help"], ["run", "--help"], ["--version"], []),
)


class Streams:
    """Each situation with each graph, with and without --json; then the other commands."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        runs = [(used, more) for used in GRAPHS for more in ([], ["--json"])]
        self.cases = [
            (kind, f"{name}, {used} {' '.join(more)}", snippet, (used, more))
            for used, more in runs
            for kind, some in (("streams", STREAMS), ("surroundings", SURROUNDINGS), ("folders", FOLDERS))
            for name, snippet in some.items()
            if kind == "streams" or not more
        ]
        self.cases += [
            ("commands", f"{name}, {' '.join(words)}", snippet, words)
            for words in COMMANDS
            for name, snippet in list(STREAMS.items())[:-2]
        ]

    def start(self) -> None:
        """What each graph paints is found out when it is first asked for."""
        self.right: dict[str, dict[str, bytes]] = {}

    def kind(self, number: int) -> str:
        return self.cases[number % len(self.cases)][0]

    def attempt(self, number: int) -> Outcome:
        kind, name, snippet, call = self.cases[number % len(self.cases)]
        words = ["run", *graph(call[0], self.folder), *call[1]] if kind != "commands" else list(call)
        after = chance(self.seed, number).uniform(0.4, 1.6 if "without" in name else 6)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            done = subprocess.run(
                script(words or ["--help"], snippet.replace("$AFTER", f"{after:.2f}")),
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
            screen = f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}"
            fault = wrong_end(done.returncode, screen, terminal="terminal" in name)
            end = "told"
            if kind != "commands" and not fault:
                end, fault = self._written(kind, call[0], Path(scratch), done.returncode)
        detail = f"{name}\n{snippet}\nexit code {done.returncode}\n{screen[-2500:]}"
        return Outcome(
            kind, end if kind != "commands" else "ended", fault and f"{fault}: {name.partition(',')[0]}", detail
        )

    def _right(self, name: str) -> dict[str, bytes]:
        """The pictures of an undisturbed run."""
        if name not in self.right:
            target = self.folder / f"right{len(self.right)}"
            whole = script(["run", *graph(name, self.folder)], f"OUT={target}; run")
            subprocess.run(whole, capture_output=True, check=True)
            self.right[name] = pictures(target)
        return self.right[name]

    def _written(self, kind: str, name: str, folder: Path, code: int) -> tuple[str, str]:
        """How a run ended, and what is wrong with what it left."""
        found = {one: pixels for path in (folder, *folder.rglob("*/")) for one, pixels in pictures(path).items()}
        whole = all(found.get(one) == pixels for one, pixels in self._right(name).items())
        for path in (folder, *folder.rglob("*/")):
            if fault := broken_record(path):
                return "", fault
        if whole:
            return "written", ""
        if kind == "streams" or (kind == "surroundings" and code != 2):
            return "", f"outputs are not written (exit code {code})"
        return "told", "not written, with exit code 0" if code == 0 else ""


def wrong_end(code: int, screen: str, *, terminal: bool) -> str:
    """What is wrong with an exit code and a screen."""
    if code == 124:
        return "hangs"
    if code == 99:
        return "somebody's file is lost"
    if "Traceback (most recent call last)" in screen or "Exception ignored" in screen:
        return "traceback"
    if "graphflow run failed for" in screen or "Warning:" in screen:
        return "a warning of a library"
    if not terminal and unshowable(screen.replace("\r", "")):
        return f"{unshowable(screen)} on the screen"
    return "" if code in (0, 1, 2, 130) or terminal else f"exit code {code}"


if __name__ == "__main__":
    total = len(Streams(0, Path()).cases)
    raise SystemExit(trial.main("streams", Streams, count=total, limits=LIMITS))
