"""Control characters of documents, files and failures reach no screen: they are shown as escapes."""

import json
import re
from pathlib import Path

import pytest

import graphflow as gf
from graphflow.cli import main
from graphflow.problems import Place, Problem
from graphflow.text_helpers.words import json_text, printable

CONTROLS = ["\x1b[31m", "\x9b2J", "\x07", "\r", "\x7f", "\u202e", "\u2066", "\u2028", "\u0085"]
"""An escape sequence, its one-letter form, a bell, a carriage return, delete, directions, breaks of lines."""

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

NODES = '''
from graphflow import Image, node

@node()
def broken(image: Image, *, text: str = "") -> Image:
    """Fail with the text."""
    raise RuntimeError(text)
'''

WRONG = {
    "a key of the document": "graphflow: 1\nnodes: {}\n? TEXT\n: 1\n",
    "the version": "graphflow: TEXT\nnodes: {}\n",
    "an input's name": "graphflow: 1\ninputs: {? TEXT : {type: int}}\nnodes: {}\n",
    "an input's type": "graphflow: 1\ninputs: {a: {type: TEXT}}\nnodes: {}\n",
    "an input's key": "graphflow: 1\ninputs: {a: {type: int, ? TEXT : 1}}\nnodes: {}\n",
    "an input's value": "graphflow: 1\ninputs: {a: {type: int, default: TEXT}}\nnodes: {}\n",
    "an input in short": "graphflow: 1\ninputs: {a: TEXT}\nnodes: {}\n",
    "an input's file": "graphflow: 1\ninputs: {a: {type: image, default: TEXT}}\nnodes: {}\n",
    "an input's folder": "graphflow: 1\ninputs: {a: {type: list of image, default: TEXT}}\nnodes: {}\n",
    "an input's pattern": "graphflow: 1\ninputs: {a: {type: list of image, default: 'TEXT*'}}\nnodes: {}\n",
    "a node's name": "graphflow: 1\nnodes: {? TEXT : {type: resize}}\n",
    "a node's type": "graphflow: 1\nnodes: {a: {type: TEXT}}\n",
    "a node's template": "graphflow: 1\nnodes: {a: {template: TEXT}}\n",
    "a template's path": "graphflow: 1\nnodes: {a: {template: 'TEXT.yaml'}}\n",
    "a node's key": "graphflow: 1\nnodes: {a: {type: resize, image: cat.jpg, ? TEXT : 1}}\n",
    "a node's file": "graphflow: 1\nnodes: {a: {type: resize, width: 8, image: TEXT}}\n",
    "a node's number": "graphflow: 1\nnodes: {a: {type: resize, width: TEXT, image: cat.jpg}}\n",
    "a node's choice": "graphflow: 1\nnodes: {a: {type: mask_shape, shape: TEXT, width: 8, height: 8}}\n",
    "a key of for_each": "graphflow: 1\nnodes: {a: {type: resize, image: cat.jpg, for_each: {? TEXT : [1]}}}\n",
    "a checkpoint": "graphflow: 1\nnodes: {a: {type: text2img, prompt: x, checkpoint: TEXT}}\n",
    "a checkpoint's name": "graphflow: 1\ncheckpoints: {? TEXT : {source: embedded/sd}}\nnodes: {}\n",
    "a checkpoint's source": "graphflow: 1\ncheckpoints: {a: {source: TEXT}}\n"
    "nodes: {b: {type: text2img, prompt: x, checkpoint: a}}\n",
    "an embedded checkpoint": "graphflow: 1\nnodes: {a: {type: text2img, prompt: x, checkpoint: 'embedded/TEXT'}}\n",
    "a LoRA": "graphflow: 1\ncheckpoints: {a: {source: embedded/sd, loras: TEXT}}\n"
    "nodes: {b: {type: text2img, prompt: x, checkpoint: a}}\n",
    "a scheduler": "graphflow: 1\ncheckpoints: {a: {source: embedded/sd, scheduler: TEXT}}\n"
    "nodes: {b: {type: text2img, prompt: x, checkpoint: a}}\n",
    "an output's name": "graphflow: 1\nnodes: {}\noutputs: {? TEXT : $a}\n",
    "an anchor": "graphflow: 1\nnodes: {a: {type: resize, image: *b}}\n# TEXT\n",
    "a key twice": "graphflow: 1\nnodes: {}\n? TEXT\n: 1\n? TEXT\n: 2\n",
}


def quoted(control: str) -> str:
    """`a`, the control characters and `b` as YAML in double quotes."""
    return '"a' + "".join(f"\\u{ord(letter):04x}" for letter in control) + 'b"'


def document(case: str, control: str) -> str:
    """The wrong document of a case with the control characters in its place."""
    inner = quoted(control)[1:-1]
    text = re.sub(r"'([^']*)TEXT([^']*)'", lambda match: f'"{match[1]}{inner}{match[2]}"', WRONG[case])
    return text.replace("TEXT", quoted(control))


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize("case", WRONG)
def test_no_control_character_of_a_document_reaches_the_screen(
    case: str, control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(document(case, control), encoding="utf-8")
    for command in ("check", "plan", "draw", "run"):
        main([command, "g.yaml"])
        screen = "".join(capsys.readouterr())
        assert "g.yaml" in screen
        assert OBEYED.findall(screen) == []
    main(["check", "--json", "g.yaml"])
    text = capsys.readouterr().out
    assert OBEYED.findall(text) == []
    # JSON stays JSON: what is read back has the characters themselves.
    assert json.loads(text)


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_no_control_character_of_a_run_reaches_the_screen_or_the_report(
    control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.py").write_text(NODES)
    gf.Image(bytes(48), 4, 4).save("cat.png")
    text = quoted(control)
    Path("g.yaml").write_text(
        f"graphflow: 1\nname: {text}\ndescription: {text}\n"
        "inputs: {photo: {type: image, default: cat.png}}\n"
        f"nodes: {{p: {{type: broken, image: $photo, text: {text}}}, "
        f"q: {{type: image_grid, images: [$photo], captions: [{text}]}}}}\n"
    )
    for command in (["plan"], ["draw"], ["draw", "-o", "g.svg"], ["run", "--out", "o"]):
        main([*command, "g.yaml", "--nodes", "n.py"])
        screen = "".join(capsys.readouterr())
        assert screen
        assert OBEYED.findall(screen) == []
    for page in ("o/report.html", "g.svg"):
        assert OBEYED.findall(Path(page).read_text("utf-8")) == []
    main(["run", "g.yaml", "--nodes", "n.py", "--out", "o2", "--json"])
    lines = capsys.readouterr().out.splitlines()
    assert OBEYED.findall("".join(lines)) == []
    told = [json.loads(line) for line in lines]
    assert any(control in one["problem"]["why"] for one in told if one["event"] == "step_failed")


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_errors_in_python_show_no_control_character(control: str) -> None:
    with pytest.raises(gf.GraphflowError) as unknown:
        gf.load(f"no{control}graph")
    with pytest.raises(gf.GraphflowError) as refused:
        gf.Graph("g").add(f"no{control}type")
    assert [OBEYED.findall(str(one.value)) for one in (unknown, refused)] == [[], []]
    assert OBEYED.findall(repr(gf.Graph(f"a{control}"))) == []


def test_a_line_feed_cannot_make_a_line_that_looks_like_another_problem() -> None:
    forged = "a\nother.yaml: no problems"
    problem = Problem("unknown-key", forged, forged, forged, Place(forged, 1, 1), ((Place(forged), forged),))
    assert [line for line in str(problem).splitlines() if line.startswith("other.yaml")] == []
    assert len(str(problem).splitlines()) == 1 + 2 + 2 + 1


def test_printable_text_is_left_as_it_is() -> None:
    for text in ("", "plain", "é ☺ 日本 \U0001f600", "two\nlines\tand a tab", r"\x1b"):
        assert printable(text) == text
    assert printable(printable("a\x1b\ud800b")) == printable("a\x1b\ud800b") == r"a\x1b\ud800b"


def test_json_text_is_the_same_data() -> None:
    data = {"a\x1b\x9b\u202e": ["\ud800", "é", "\n"]}
    assert json.loads(json_text(data)) == data
    assert OBEYED.findall(json_text(data)) == []
    assert "é" in json_text(data)


def test_commands_print_through_one_place() -> None:
    folder = Path(str(gf.__file__)).parent / "cli"
    prints = re.compile(r"(?<![\w.])print\(|json\.dumps\(|std(?:out|err)\.write\(")
    files = [path for path in folder.glob("*.py") if path.name not in ("screens.py", "streams.py")]
    assert len(files) > 10
    assert [path.name for path in files if prints.search(path.read_text("utf-8"))] == []
