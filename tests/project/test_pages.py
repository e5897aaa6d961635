"""README and docs/ are true: documents are checked, Python and commands are run, options and links are compared."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest
from PIL import Image, ImageStat

import graphflow
from graphflow.catalog.catalog import default_catalog
from graphflow.cli import COMMANDS, codes
from graphflow.document.aliases import KEYS, TYPES
from graphflow.document.known_keys import CHECKPOINT_KEYS
from tests.tiny import make
from tests.tiny.embeddings import make_embedding
from tests.tiny.loras import make_lora

ROOT = Path(__file__).parents[2]
SET_UP = ("python3 -m venv .venv", ".venv/bin/pip install -c constraints.txt .")
"""The lines of shell blocks that are not run here: they fetch packages."""
NEED_NO_WORD = ("nodes", "graphs", "schema")
"""Commands that do their work without a further word."""


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    @property
    def file(self) -> str:
        """The name under which the page's reader saves the block: its first line says so."""
        named = re.match(r"# (\w+\.(?:yaml|py))\n", self.text)
        return named[1] if named else ""


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        found = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        return [Block(*match) for match in found]

    @property
    def prose(self) -> str:
        return re.sub(r"^```.*?^```$", "", self.text, flags=re.MULTILINE | re.DOTALL)

    @property
    def commands(self) -> list[str]:
        """The lines of the page's shell blocks."""
        lines = [line for block in self.blocks if block.language == "sh" for line in block.text.splitlines()]
        return [line.partition("  #")[0].strip() for line in lines]

    @property
    def mentioned(self) -> list[str]:
        """The calls in the page's sentences and tables, without the word graphflow."""
        return re.findall(r"`graphflow ([^`]+)`", self.prose)


PAGES = [Page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
README, COMMAND_LINE = PAGES[0], next(page for page in PAGES if page.name == "command-line")


def of_pages(language: str) -> list[object]:
    """Each page with a block of this language; the tests of one page stay in one process, for their folder."""
    return [
        pytest.param(page, id=page.name, marks=pytest.mark.xdist_group(f"page-{page.name}"))
        for page in PAGES
        if any(block.language == language for block in page.blocks)
    ]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page], Path]:
    """Page → a folder as its reader has it after saving what the page shows."""

    @cache
    def folder(page: Page) -> Path:
        made = tmp_path_factory.mktemp(page.name)
        shutil.copytree(ROOT / "graphs" / "assets", made / "graphs" / "assets")
        for block in page.blocks:
            if block.file:
                (made / block.file).write_text(block.text, encoding="utf-8")
        for script in made.glob("make_*.py"):
            done = called(made, script.name)
            assert done.returncode == 0, done.stderr
        return made

    return folder


def called(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, *words]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def graphflow_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return called(folder, "-m", "graphflow", *words)


def test_every_block_is_of_a_language_that_a_test_knows():
    assert {block.language for page in PAGES for block in page.blocks} <= {"yaml", "sh", "python", "text", ""}


@pytest.mark.parametrize("page", of_pages("yaml"))
def test_documents_of_a_page_are_checked(page: Page, folder_of):
    folder = folder_of(page)
    nodes = [word for file in ("my_nodes.py", "washes.py") if (folder / file).exists() for word in ("--nodes", file)]
    documents = [block.file for block in page.blocks if block.language == "yaml" and block.file]
    done = graphflow_in(folder, "check", "--strict", *nodes, *documents)
    assert documents
    assert done.returncode == 0, done.stderr


def test_parts_of_documents_are_checked_within_one(tmp_path):
    """A part shows `checkpoints`; the folders and files that it names are tiny ones here."""
    parts = [block for page in PAGES for block in page.blocks if block.language == "yaml" and not block.file]
    base = make("sd_fp16", tmp_path).rename(tmp_path / "stable-diffusion-v1-5")
    shutil.copytree(make("sd", tmp_path) / "vae", tmp_path / "sd-vae-ft-mse")
    make_lora(tmp_path / "style.safetensors", 5)
    make_embedding(tmp_path / "dragon.safetensors", 5)
    assert parts
    assert base.is_dir()
    for number, part in enumerate(parts):
        assert part.text.startswith("checkpoints:\n  base:\n")
        nodes = "nodes:\n  paint: {type: text2img, checkpoint: base, prompt: sea}\noutputs: {image: $paint}\n"
        (tmp_path / f"{number}.yaml").write_text(f"graphflow: 1\n{part.text}{nodes}", encoding="utf-8")
        done = graphflow_in(tmp_path, "check", "--strict", f"{number}.yaml")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", of_pages("sh"))
def test_commands_of_a_page_run_one_after_the_other(page: Page, folder_of):
    folder = folder_of(page)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in page.commands:
        program, *words = shlex.split(line.removeprefix(".venv/bin/"))
        if program == "make":
            assert f"\n{words[0]}:" in makefile, line
        elif line not in SET_UP and not (program == "python" and (folder / words[0]).is_file()):
            assert program == "graphflow", line
            done = graphflow_in(folder, *words)
            assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("page", of_pages("python"))
def test_python_of_a_page_runs(page: Page, folder_of):
    folder = folder_of(page)
    for block in page.blocks:
        if block.language == "python" and not block.file:
            done = called(folder, "-c", block.text)
            assert done.returncode == 0, done.stderr
            saved = re.findall(r"\.save\(\"([^\"]+)\"\)", block.text)
            assert [name for name in saved if not (folder / name).is_file()] == []


CALLS = sorted({call for page in PAGES for call in page.mentioned})


def test_pages_mention_calls():
    assert len(CALLS) > 10


@pytest.mark.parametrize("call", CALLS)
def test_a_call_in_a_sentence_works(call: str, tmp_path):
    """One that leaves something to the reader has to name a command and its options; any other one is run."""
    command, *words = call.split()
    open_ = any(re.fullmatch(r"\[?[A-Z]+\]?|…\]?", word) for word in words)
    if open_ or (command not in NEED_NO_WORD and not any(not word.startswith("-") for word in words)):
        help_ = graphflow_in(tmp_path, command, "--help")
        assert help_.returncode == 0, help_.stderr
        assert [word for word in words if word.startswith("-") and word not in help_.stdout] == []
        return
    done = graphflow_in(tmp_path, command, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_of_options_is_complete_and_true(command: str, tmp_path):
    table = re.findall(r"^\| `(--[\w-]+)[^|]*\| ([a-z, ]+) \|", COMMAND_LINE.text, re.MULTILINE)
    told = {option for option, commands in table if command in commands.split(", ")}
    options = graphflow_in(tmp_path, command, "--help").stdout.partition("options:")[2]
    assert told == set(re.findall(r"^  (?:-\w.*, )?(--[\w-]+)", options, re.MULTILINE)) - {"--help"}


def test_the_exit_codes_are_those_of_the_command_line():
    rows = re.findall(r"^\| (\d+) \|", COMMAND_LINE.text, re.MULTILINE)
    assert [int(row) for row in rows] == [codes.DONE, codes.FAILED, codes.WRONG, codes.INTERRUPTED]


def test_every_command_is_on_the_page_of_the_command_line():
    assert {call.split()[0] for call in COMMAND_LINE.mentioned} == set(COMMANDS)


@pytest.mark.xdist_group("page-write-a-node")
def test_a_run_writes_what_the_pages_say(folder_of):
    page = next(page for page in PAGES if page.name == "write-a-node")
    folder = folder_of(page)
    done = graphflow_in(folder, "run", "mine.yaml", "--nodes", "my_nodes.py", "--out", "again", "--json")
    written = {path.name for path in (folder / "again").iterdir()}
    assert written == {"image.png", "mask.png", "run.json", "events.jsonl", "report.html"}
    assert done.stdout.count('"step_progress"') == 20


@pytest.mark.xdist_group("page-checkpoints")
def test_the_program_that_converts_pickled_weights_writes_what_check_takes(folder_of):
    folder = folder_of(next(page for page in PAGES if page.name == "checkpoints"))
    make("sd_pickled", folder)

    def check(checkpoint: str) -> subprocess.CompletedProcess[str]:
        node = f"{{type: text2img, checkpoint: ./{checkpoint}, prompt: sea}}"
        (folder / "styled.yaml").write_text(f"graphflow: 1\nnodes:\n  paint: {node}\n", encoding="utf-8")
        return graphflow_in(folder, "check", "styled.yaml")

    refused = check("sd_pickled")
    assert refused.returncode == 2
    assert "checkpoint-unsafe" in refused.stderr + refused.stdout
    converted = called(folder, "convert.py", "sd_pickled", "converted")
    assert converted.returncode == 0, converted.stderr
    done = check("converted")
    assert done.returncode == 0, done.stderr


@pytest.mark.xdist_group("page-write-a-family")
def test_the_family_of_the_page_paints_what_its_texts_say(folder_of):
    folder = folder_of(next(page for page in PAGES if page.name == "write-a-family"))
    done = graphflow_in(folder, "run", "wash.yaml", "--nodes", "washes.py", "--out", "seen")
    assert done.returncode == 0, done.stderr
    red, green, blue = ImageStat.Stat(Image.open(folder / "seen" / "flat.png")).mean
    assert blue > 2 * max(red, green)
    photo = ImageStat.Stat(Image.open(folder / "graphs" / "assets" / "coffee.jpg")).mean
    tint = ImageStat.Stat(Image.open(folder / "seen" / "tint.png")).mean
    assert tint[0] > photo[0] + 20
    assert tint[1] < photo[1]


@pytest.mark.xdist_group("page-write-a-family")
def test_the_family_of_the_page_takes_no_latents_of_another(folder_of):
    folder = folder_of(next(page for page in PAGES if page.name == "write-a-family"))
    mixed = (folder / "wash.yaml").read_text(encoding="utf-8").replace("image: $tint.latents", "image: $other.latents")
    other = "nodes:\n  other: {type: text2img, checkpoint: embedded/sd, prompt: sea}\n"
    (folder / "mixed.yaml").write_text(mixed.replace("nodes:\n", other), encoding="utf-8")
    done = graphflow_in(folder, "check", "mixed.yaml", "--nodes", "washes.py")
    assert done.returncode == 2
    assert "latent-space: again: image cannot take other.latents" in done.stderr + done.stdout
    assert "WashCodec, 16 channels" in done.stderr + done.stdout


def test_the_faults_that_the_readme_shows_are_those_that_check_shows(tmp_path):
    (screen,) = [block.text for block in README.blocks if block.language == "text"]
    (right,) = [block.text for block in README.blocks if block.file == "sketch.yaml"]
    wrong = right.replace("paint.latents", "paint.latent").replace("strength: 0.7", "strength: 1.7")
    (tmp_path / "sketch.yaml").write_text(wrong, encoding="utf-8")
    done = graphflow_in(tmp_path, "check", "sketch.yaml")
    assert done.stderr + done.stdout == screen


def rows_for_those_who_come_from_elsewhere() -> list[tuple[list[str], list[str]]]:
    """Per row of the table: the terms of the other tools, and the terms here."""
    table = README.text.partition("## Coming from")[2].partition("##")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `") or " `" in line]
    terms = [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in cells if len(row) == 3]
    return [(comfy + script, here) for comfy, script, here in terms]


def test_terms_of_other_tools_stand_beside_the_ones_that_messages_name():
    rows = rows_for_those_who_come_from_elsewhere()
    meant = {**{key: (value,) for key, value in KEYS.items()}, **TYPES}
    compared = 0
    for there, here in rows:
        named = {re.split(r"[:.\[]", term)[0] for term in here}
        for term in there:
            if term in meant:
                compared += 1
                assert named & set(meant[term]), (term, here)
    assert len(rows) > 8
    assert compared > 6


def test_terms_here_exist():
    catalog = default_catalog()
    known = set(catalog) | set(CHECKPOINT_KEYS) | {"checkpoints"}
    for name in catalog:
        known |= {*catalog[name].ports, *catalog[name].params}
    known |= {"$node.latents", "dpmpp_2m_karras"}
    terms = {term.partition(":")[0] for _, here in rows_for_those_who_come_from_elsewhere() for term in here}
    assert terms - known == set()


def test_names_of_the_python_api_exist():
    named = {name for page in PAGES for name in re.findall(r"\bgf\.(\w+)", page.text)}
    assert len(named) > 20
    assert named - set(graphflow.__all__) == set()


def test_the_first_screen_shows_a_picture_and_the_two_make_commands():
    head = "\n".join(README.text.splitlines()[:30])
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", head)
    assert (ROOT / picture).is_file()
    assert "\nmake demo " in head
    assert "\nmake test " in head


def test_the_library_of_the_readme_is_the_library():
    table = README.text.partition("## The library")[2].partition("\nTemplates")[0]
    named = {
        name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert named == {path.stem for path in (ROOT / "graphs").glob("*.yaml")}


@pytest.mark.parametrize(
    "page",
    [*PAGES, Page(ROOT / "CONTRIBUTING.md"), *map(Page, sorted((ROOT / "docs" / "decisions").glob("*.md")))],
    ids=lambda page: str(page.path.relative_to(ROOT)),
)
def test_links_of_a_page_resolve(page: Page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.prose):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.path.parent / path if path else page.path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_readme_links_to_every_page():
    links = set(re.findall(r"\]\((docs/[\w-]+\.md)", README.text))
    assert links == {f"docs/{page.path.name}" for page in PAGES[1:]}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, in the manner of GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
