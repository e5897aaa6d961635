"""The Mermaid text of small graphs."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from graphflow.check.checked import Checked
from graphflow.check.read.resolved import Resolved
from graphflow.draw.drawing import Box, Drawing, Frame, Line, Pin, of_checked, of_document
from graphflow.draw.mermaid import mermaid

Read = Callable[[str], tuple[Resolved, Checked]]

SMALL = """
graphflow: 1
inputs:
  mask: {type: mask, default: photo.png}
  blurs: {type: list of float, default: [2, 6]}
nodes:
  turned: {type: mask_invert, mask: $mask, when: true}
  soft: {template: ./soften.yaml, mask: $turned, for_each: {blur: $blurs}}
outputs:
  masks: $soft.mask
"""

WRITTEN = """\
flowchart LR
  n0(["mask<br/>input mask"])
  n1(["blurs<br/>input list of float"])
  n2["turned<br/>mask_invert"]
  n3[["soft<br/>template ./soften.yaml<br/>for each item"]]
  n4(["masks<br/>output list of mask"])
  n0 -.->|"mask"| n2
  n2 -.->|"mask"| n3
  n1 -->|"blur: list of float"| n3
  n3 -.->|"mask: list of mask"| n4
  classDef maybe stroke-dasharray: 5 4
  class n2 maybe
  classDef input fill:#eef4ff,stroke:#8b95a5,color:#111827
  class n0,n1 input
  classDef output fill:#eefaf1,stroke:#8b95a5,color:#111827
  class n4 output
  classDef template fill:#faf6ff,stroke:#8b95a5,color:#111827
  class n3 template
  linkStyle 0,1,3 stroke:#374151
  linkStyle 2 stroke:#6b7280
"""


def test_a_small_document(read: Read) -> None:
    assert mermaid(of_document(read(SMALL)[0])) == WRITTEN


def test_frames_become_subgraphs(read: Read) -> None:
    text = mermaid(of_checked(read(SMALL)[1]))
    assert '  subgraph f1["soft[1]/…"]\n' in text
    assert text.count("subgraph") == text.count("\n  end\n") == 2


def test_frames_inside_frames() -> None:
    boxes = tuple(Box(f"n{number}", "node", f"n{number}", frame=number) for number in range(2))
    text = mermaid(Drawing("", boxes, (), (Frame("outer"), Frame("inner", 0))))
    assert text.splitlines()[1:] == [
        '  subgraph f0["outer"]',
        '    n0["n0"]',
        '    subgraph f1["inner"]',
        '      n1["n1"]',
        "    end",
        "  end",
    ]


@given(st.text())
def test_no_name_leaves_its_label(name: str) -> None:
    box = Box("a", "node", f'x{name}"]\nend<b>`;', outputs=(Pin(name, "image"),))
    text = mermaid(Drawing("", (box, Box("b", "output", name, inputs=(Pin("", "image"),))), (Line(0, 0, 1, 0),)))
    lines = text.splitlines()
    assert len(lines) == 7
    assert lines[1].count('"') == lines[2].count('"') == lines[3].count('"') == 2
    assert not set("<>`;") & set(lines[1].replace("<br/>", "").replace("#", ";").replace(";", ""))
