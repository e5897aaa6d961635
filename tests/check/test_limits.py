"""Documents that stand for more than any machine holds are refused soon, by a limit that the message names."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import graphflow.check.patterns
from graphflow import limits
from graphflow.check.checked import Checked
from graphflow.check.expand import quota
from graphflow.document.parse import parse, read_file
from graphflow.document.text import read_text
from graphflow.problems import Level, nearest
from graphflow.text_helpers.spelling import few_suggestions

Checks = Callable[..., Checked]
MASK = "m: {type: mask_shape, shape: ellipse, box: [0, 0, 1, 1], width: 8, height: 8}"


def the_limit(checked: Checked) -> str:
    """The message of the one problem, which is about a limit."""
    (problem,) = [one for one in checked.problems if one.level is Level.PROBLEM]
    assert problem.code == "over-limit", problem
    assert problem.fix
    assert problem.place.line
    return problem.message


def template(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(f"graphflow: 1\n{text}")


def test_aliases_count_as_what_they_stand_for() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    text = "graphflow: 1\n" + "\n".join(lines)
    assert len(text) < 550
    document, (problem,) = parse(text, "g.yaml")
    assert document is None
    assert (problem.code, problem.message) == ("over-limit", "the document has more than 200,000 values")
    assert "alias" in problem.why


def test_aliases_count_as_deep_as_what_they_stand_for() -> None:
    deep = "&a0 " + "[" * 30 + "x" + "]" * 30
    document, (problem,) = parse(f"graphflow: 1\nname: {deep}\nnodes: [[[*a0]]]", "g.yaml")
    assert document is None
    assert (problem.code, problem.place.line) == ("over-limit", 3)
    assert "32 levels" in problem.message


def test_values_and_dollars_of_a_document_are_counted() -> None:
    for written in ("[" + "x," * 200_000 + "]", "'" + "$a " * 200_000 + "'"):
        document, (problem,) = parse(f"graphflow: 1\nname: {written}\nnodes: {{}}", "g.yaml")
        assert document is None
        assert (problem.code, problem.place.line) == ("over-limit", 2)


def test_document_of_too_many_bytes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("graphflow: 1\n#" + "x" * limits.DOCUMENT_BYTES)
    document, (problem,) = read_file(tmp_path / "g.yaml")
    assert document is None
    assert problem.message == "the document has more than 4,000,000 bytes"


def test_a_million_dollars_are_read_at_once() -> None:
    assert read_text("$" * 1_000_000) == ("$" * 1_000_000,)


def test_name_may_not_be_longer_than_a_line(checked: Checks) -> None:
    name = "n" * (limits.NAME + 1)
    assert "101 characters" in the_limit(checked(f"nodes: {{{name}: {{type: mask_blur, mask: mask.png}}}}"))
    assert checked(f"nodes: {{{name[1:]}: {{type: mask_blur, mask: mask.png}}}}").ok


@pytest.mark.parametrize("content", [f"nodes: {{{MASK}}}\noutputs: {{o: $m}}", "nodes: {}\noutputs: {}"])
def test_templates_that_use_a_template_twice_are_counted_and_not_put_in(
    content: str, folder: Path, checked: Checks
) -> None:
    template(folder, "t0", content)
    shown = "outputs: {o: $a}" if "$m" in content else "outputs: {}"
    for n in range(1, 30):
        uses = f"{{a: {{template: ./t{n - 1}.yaml}}, b: {{template: ./t{n - 1}.yaml}}}}"
        template(folder, f"t{n}", f"nodes: {uses}\n{shown}")
    found = checked("nodes: {a: {template: ./t29.yaml}}")
    assert the_limit(found).startswith("the graph has more than 20,000 nodes")
    assert not found.nodes


def test_what_when_leaves_out_does_not_count(folder: Path, checked: Checks) -> None:
    template(folder, "t0", f"nodes: {{{MASK}}}\noutputs: {{o: $m}}")
    for n in range(1, 30):
        uses = f"{{a: {{template: ./t{n - 1}.yaml}}, b: {{template: ./t{n - 1}.yaml, when: false}}}}"
        template(folder, f"t{n}", f"nodes: {uses}\noutputs: {{o: $a}}")
    assert len(checked("nodes: {a: {template: ./t29.yaml}}\noutputs: {o: $a}").nodes) == 1


def test_templates_may_not_be_thousands_deep(folder: Path, checked: Checks) -> None:
    template(folder, "t0", f"nodes: {{{MASK}}}\noutputs: {{o: $m}}")
    for n in range(1, 300):
        template(folder, f"t{n}", f"nodes: {{a: {{template: ./t{n - 1}.yaml}}}}\noutputs: {{o: $a}}")
    assert the_limit(checked("nodes: {a: {template: ./t299.yaml}}")) == "more than 200 templates are nested"


def product(masks: int, factors: int) -> str:
    lists = f"{{mask: [{', '.join(['mask.png'] * masks)}]}}, {{blur_factor: [{', '.join(['1'] * factors)}]}}"
    return f"nodes: {{a: {{type: mask_blur, for_each: [{lists}]}}}}"


def test_product_of_a_for_each_is_counted_and_not_made(checked: Checks) -> None:
    assert the_limit(checked(product(1000, 1000))) == "a.for_each has 1,000,000 items, more than 20,000"
    assert the_limit(checked(product(300, 300))) == "a.for_each has 90,000 items, more than 20,000"
    assert len(checked(product(100, 100)).nodes) == 10_001


def test_lists_spliced_into_lists_are_counted(checked: Checks) -> None:
    nodes = ["  s0: {type: switch, condition: true, if_true: [photo.png, photo.png]}"]
    nodes += [f"  s{n}: {{type: switch, condition: true, if_true: [$s{n - 1}, $s{n - 1}]}}" for n in range(1, 25)]
    assert "the list has more than 20,000 items" in the_limit(
        checked("nodes:\n" + "\n".join(nodes) + "\n  g: {type: image_grid, images: $s24}\noutputs: {o: $g}")
    )


def test_lists_that_many_nodes_read_are_counted(checked: Checks) -> None:
    many = ", ".join(["photo.png"] * 200)
    numbers = ", ".join(["1"] * 2_000)
    found = checked(
        f"inputs: {{photos: {{type: list of image, default: [{many}]}}}}\n"
        f"nodes: {{g: {{type: image_grid, images: $photos, for_each: {{gap: [{numbers}]}}}}}}"
    )
    assert "read more than 200,000 list items" in the_limit(found)


def test_text_that_grows_tenfold_again_and_again_is_counted(folder: Path, checked: Checks) -> None:
    ten = "$x" * 10
    template(
        folder,
        "t0",
        "inputs: {x: {type: string}}\n"
        "nodes: {n: {type: image_grid, images: photo.png, captions: [$x]}}\noutputs: {o: $n}",
    )
    for n in range(1, 12):
        inner = f"{{a: {{template: ./t{n - 1}.yaml, x: {ten}}}}}"
        template(folder, f"t{n}", f"inputs: {{x: {{type: string}}}}\nnodes: {inner}\noutputs: {{o: $a}}")
    found = checked("nodes: {a: {template: ./t11.yaml, x: abcdefghij}}\noutputs: {o: $a}")
    assert the_limit(found) == "the text has more than 100,000 characters once its references are replaced"


def test_long_texts_of_many_nodes_are_counted(checked: Checks) -> None:
    numbers = ", ".join(map(str, range(2_000)))
    found = checked(
        f"inputs: {{x: {{type: string, default: {'y' * 50_000}}}}}\n"
        f"nodes: {{c: {{type: image_grid, images: photo.png, captions: [a $x], for_each: {{gap: [{numbers}]}}}}}}"
    )
    assert "more than 10,000,000 characters" in the_limit(found)


def test_pattern_looks_at_so_many_entries_and_no_more(
    folder: Path, checked: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = "nodes: {g: {type: image_grid, images: '%s'}}"
    assert checked(grid % "**/*.png").ok
    monkeypatch.setattr(graphflow.check.patterns, "ENTRIES", 5)
    for pattern in ("**/*.png", "/**/*.png", "*/*.png"):
        assert f"{pattern} would search more than 5 files" in the_limit(checked(grid % pattern))
    monkeypatch.setattr(graphflow.check.patterns, "ENTRIES", 50_000)
    monkeypatch.setattr(graphflow.check.patterns, "FILES", 2)
    for pattern in ("photos", "photos/*"):
        assert f"{pattern} matches more than 2 files" in the_limit(checked(grid % pattern))


def test_pattern_over_the_whole_machine_ends(checked: Checks) -> None:
    found = checked("nodes: {g: {type: image_grid, images: '/**/*.no-picture'}}")
    assert the_limit(found).startswith("g.images: /**/*.no-picture would search more than 50,000")


def test_link_to_the_folder_it_is_in_is_not_followed(folder: Path, checked: Checks) -> None:
    (folder / "photos" / "loop").symlink_to(folder)
    (folder / "elsewhere").symlink_to(folder / "photos")
    found = checked("nodes: {g: {type: image_grid, images: '**/*.png'}}")
    read = [str(one.params["path"].path.relative_to(folder)) for one in found.nodes if "path" in one.params]
    numbers = [f"{name}/{n}.png" for name in ("elsewhere", "photos") for n in (1, 2, 3)]
    assert read == [*numbers[:3], "mask.png", "photo.png", *numbers[3:]]


def test_folder_whose_name_looks_like_a_pattern_is_that_folder(folder: Path, checked: Checks) -> None:
    (folder / "a[1]").mkdir()
    (folder / "photo.png").rename(folder / "a[1]" / "photo.png")
    template(folder / "a[1]", "t", "nodes: {g: {type: image_grid, images: '*.png'}}\noutputs: {o: $g}")
    assert checked("nodes: {g: {template: './a[1]/t.yaml'}}").ok


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_suggestions_for_thousands_of_wrong_names_are_made_for_the_first(count: int, checked: Checks) -> None:
    nodes = [f"  node{n}: {{type: mask_blur, mask: $nodee{n}}}" for n in range(count)]
    problems = checked("nodes:\n" + "\n".join(nodes)).problems
    assert [one.code for one in problems] == ["unknown-name"] * 100 + ["more-problems"]
    assert problems[0].fix == "did you mean $node0?"
    assert problems[-1].message == f"{count - 100:,} more problems are not shown"


def test_more_warnings_than_are_told_hide_no_problem(checked: Checks) -> None:
    inputs = "\n".join(f"  i{n}: {{type: int, default: 1}}" for n in range(150))
    found = checked(f"inputs:\n{inputs}\nnodes: {{a: {{type: mask_blur, mask: $b}}}}")
    assert [one.code for one in found.problems] == ["unused-input"] * 100 + ["more-warnings", "unknown-name"]
    assert found.problems[100].message == "50 more warnings and hints are not shown"
    assert found.problems[100].level is Level.WARNING


def test_comparisons_do_not_grow_with_the_square_of_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    theirs = graphflow.text_helpers.spelling.difflib.get_close_matches
    monkeypatch.setattr(
        graphflow.text_helpers.spelling.difflib,
        "get_close_matches",
        lambda word, known, **more: compared.append(len(known)) or theirs(word, known, **more),
    )

    @few_suggestions
    def look_up(count: int) -> list[str | None]:
        known = [f"node{n}" for n in range(count)]
        return [nearest(f"nodee{n}", known) for n in range(count)]

    for count in (200, 5_000):
        compared.clear()
        found = look_up(count)
        assert found[:10] == [f"node{n}" for n in range(10)]
        assert sum(compared) <= limits.SUGGESTIONS * 64


def test_every_limit_is_in_the_documentation_with_its_number() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "limits.md").read_text(encoding="utf-8")
    numbers = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert len(numbers) > 10
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", text, re.MULTILINE))
    assert told == {name: f"{value:,}" for name, value in numbers.items()}


@pytest.mark.parametrize(("nodes", "each"), [(5, ""), (1, ", for_each: {blur_factor: [1, 2, 3, 4, 5]}")])
def test_a_node_counts_once_and_one_with_for_each_once_for_every_item(
    nodes: int, each: str, checked: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "\n".join(f"  m{n}: {{type: mask_blur, mask: mask.png{each}}}" for n in range(nodes))
    monkeypatch.setattr(quota, "NODES", 5)
    assert checked(f"nodes:\n{listed}").ok
    monkeypatch.setattr(quota, "NODES", 4)
    assert the_limit(checked(f"nodes:\n{listed}")).startswith("the graph has more than 4 nodes")
