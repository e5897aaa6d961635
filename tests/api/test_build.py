"""Graphs built in Python are refused at once where they are wrong, and a refused call changes nothing."""

from pathlib import Path

import pytest

import graphflow as gf
from graphflow.document.write import write
from tests.plan.toys import CATALOG, built, graph, number

TEMPLATE = "graphflow: 1\ninputs: {value: {type: int}}\nnodes: {n: {type: add, a: $value}}\noutputs: {r: $n}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    (tmp_path / "no_outputs.yaml").write_text("graphflow: 1\nnodes: {n: {type: number}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


REFUSED = {
    "unknown type": (lambda g: g.add("numbr"), "unknown-type", "did you mean number?"),
    "unknown key": (lambda g: g.add("add", a=1, plas=2), "unknown-key", "did you mean plus?"),
    "missing port": (lambda g: g.add("add"), "missing-value", "add a: …"),
    "text for an int": (lambda g: g.add("add", a="1"), "bad-value", ""),
    "a float for an int": (lambda g: g.add("add", a=1.5), "bad-value", ""),
    "a bool for an int": (lambda g: g.add("add", a=True), "bad-value", ""),
    "an int for text": (lambda g: g.add("say", text=5), "bad-value", ""),
    "a number that is not finite": (lambda g: g.add("scale", value=1, by=float("nan")), "bad-value", ""),
    "an output of the wrong type": (lambda g: g.add("add", a=g["p"]), "type-mismatch", ""),
    "an output into a param": (lambda g: g.add("number", value=g["n"]), "param-needs-value", "reference an input"),
    "an output into when": (lambda g: g.add("number", when=g["n"]), "param-needs-value", ""),
    "when that is no bool": (lambda g: g.add("number", when=3), "bad-value", ""),
    "a list for one value": (lambda g: g.add("add", a=[1, 2]), "list-to-single", "for_each"),
    "a map for a value": (lambda g: g.add("add", a={"b": 1}), "wrong-shape", ""),
    "for_each that is no map": (lambda g: g.add("number", for_each=[1]), "for-each-shape", ""),
    "for_each of nothing": (lambda g: g.add("number", for_each=[]), "for-each-shape", ""),
    "a value twice": (lambda g: g.add("number", value=1, for_each={"value": [1]}), "for-each-shape", ""),
    "a missing picture": (lambda g: g.add("invert", image="no.png"), "file-missing", ""),
    "a taken id": (lambda g: g.add("number", id="n"), "name-taken", ""),
    "the id of an input": (lambda g: g.add("number", id="x"), "name-taken", ""),
    "a bad id": (lambda g: g.add("number", id="Big"), "bad-name", "lowercase letters"),
    "a reserved id": (lambda g: g.add("number", id="cache"), "bad-name", ""),
    "an id that is no text": (lambda g: g.add("number", id=3), "bad-name", ""),
    "type and template": (lambda g: g.add("number", template="t.yaml"), "type-and-template", "one of the two"),
    "neither": (lambda g: g.add(), "type-and-template", ""),
    "a missing template": (lambda g: g.add(template="./u.yaml"), "template-missing", ""),
    "a template without outputs": (lambda g: g.add(template="no_outputs.yaml"), "template-outputs", ""),
    "a wrong template input": (lambda g: g.add(template="t.yaml", value=1, valu=1), "unknown-key", "mean value?"),
    "a missing template input": (lambda g: g.add(template="t.yaml"), "missing-value", ""),
    "a picture": (lambda g: g.add("invert", image=gf.Image(bytes(3), 1, 1)), "wrong-shape", "g.input"),
    "None": (lambda g: g.add("add", a=None), "wrong-shape", ""),
    "an object": (lambda g: g.add("add", a=object()), "wrong-shape", ""),
    "a function": (lambda g: g.add(number), "wrong-shape", ""),
    "a foreign handle": (lambda g: g.add("add", a=built().add("number")), "unknown-name", "handles of this graph"),
    "a foreign handle in a list": (lambda g: g.add("total", values=[built().add("number")]), "unknown-name", ""),
    "a foreign handle in text": (lambda g: g.add("say", text=gf.text("{}", built().add("number"))), "unknown-name", ""),
    "a picture in text": (lambda g: g.add("say", text=gf.text("{}", g["p"])), "type-mismatch", ""),
    "an index outside": (lambda g: g.add("add", a=g["n"][0]), "bad-index", ""),
    "an input of a bad name": (lambda g: g.input("Big", "int"), "bad-name", ""),
    "an input of a taken name": (lambda g: g.input("n", "int"), "name-taken", ""),
    "an input of no type": (lambda g: g.input("y", "imag"), "unknown-value-type", "did you mean image?"),
    "an input whose default is none": (lambda g: g.input("y", "int", default="many"), "bad-value", ""),
    "an input whose default is outside": (lambda g: g.input("y", "int", default=5, max=3), "bad-value", "at most 3"),
    "a default that is a handle": (lambda g: g.input("y", "int", default=g["n"]), "wrong-shape", ""),
    "an output that is no handle": (lambda g: g.output(o=5), "wrong-shape", "give a handle"),
    "an output of a bad name": (lambda g: g.output(Big=g["n"]), "bad-name", ""),
    "a foreign output": (lambda g: g.output(o=built().add("number")), "unknown-name", ""),
}


class Named(gf.Graph):
    """A graph whose handles can be had by name, for the table above."""

    def add(self, *arguments, **values):
        handle = super().add(*arguments, **values)
        self.handles = {**getattr(self, "handles", {}), values.get("id"): handle}
        return handle

    def __getitem__(self, name):
        return self.handles[name]


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_at_once_and_changes_nothing(case):
    call, code, fix = REFUSED[case]
    g = Named(catalog=CATALOG)
    g.input("x", "int", default=1)
    n = g.add("number", id="n")
    g.add("paint", id="p")
    before, handles = write(g.document), dict(g.handles)
    with pytest.raises(gf.InvalidGraph) as caught:
        call(g)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert fix in caught.value.problems[0].fix
    assert write(g.document) == before
    assert g.handles == handles
    # The next calls find everything as it was.
    g.output(o=g.add("add", id="m", a=n, plus=2))
    assert gf.run(g)["o"] == 3


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("n: {type: numbr}", lambda g: g.add("numbr", id="n")),
        ("n: {type: add, a: 1, plas: 2}", lambda g: g.add("add", id="n", a=1, plas=2)),
        ("n: {type: add}", lambda g: g.add("add", id="n")),
        ("n: {type: add, a: [1, 2]}", lambda g: g.add("add", id="n", a=[1, 2])),
        ("n: {type: roll, seed: -1}", lambda g: g.add("roll", id="n", seed=-1)),
        ("n: {type: number, for_each: [1]}", lambda g: g.add("number", id="n", for_each=[1])),
    ],
)
def test_the_text_is_that_of_check(text, call):
    (expected,) = graph("nodes: {" + text + "}").check().problems
    with pytest.raises(gf.InvalidGraph) as caught:
        call(built())
    (found,) = caught.value.problems
    assert (found.code, found.message, found.why, found.fix) == (
        expected.code,
        expected.message,
        expected.why,
        expected.fix,
    )


def test_all_that_is_wrong_with_a_node_is_told():
    with pytest.raises(gf.InvalidGraph) as caught:
        built().add("add", a="x", plus="y", more=1)
    assert len(caught.value.problems) == 3


def test_an_id_is_made_from_the_type():
    g = built()
    assert [repr(g.add("number", value=n)) for n in range(3)] == [
        "<NodeHandle $number>",
        "<NodeHandle $number_2>",
        "<NodeHandle $number_3>",
    ]
    assert "$t" in repr(g.add(template="t.yaml", value=1))


def test_a_refused_node_leaves_its_id_free():
    g = built()
    with pytest.raises(gf.InvalidGraph):
        g.add("number", valu=1)
    assert repr(g.add("number")) == "<NodeHandle $number>"


# Handles


def test_a_handle_is_the_first_output_and_its_attributes_are_the_others():
    g = built()
    parts = g.add("digits", value=12)
    g.output(first=parts, tens=parts.tens, ones=parts.ones)
    assert gf.run(g).outputs == {"first": 1, "tens": 1, "ones": 2}


def test_an_item_of_a_list_is_taken_by_index():
    g = built()
    many = g.add("number", for_each={"value": [5, 6]})
    g.output(one=many[1], labels=many.labels[0])
    assert gf.run(g).outputs == {"one": 6, "labels": "value 5"}


def test_an_unknown_output_is_refused_with_the_nearest_name():
    with pytest.raises(gf.GraphflowError, match="has no output oness; did you mean ones"):
        built().add("digits", value=1).oness  # noqa: B018


def test_labels_need_for_each():
    with pytest.raises(gf.GraphflowError, match="has no output labels"):
        built().add("number").labels  # noqa: B018


@pytest.mark.parametrize("form", ["{}".format, "{:>5}".format, lambda handle: f"a {handle}"])
def test_a_handle_in_a_text_raises_with_the_fix(form):
    with pytest.raises(gf.GraphflowError, match=r"write gf\.text"):
        form(built().add("number"))


def test_a_handle_can_be_printed(capsys):
    number = built().add("number")
    print(number)
    assert capsys.readouterr().out == "<NodeHandle $number>\n"


@pytest.mark.parametrize("make", [str, "a %s".__mod__, lambda handle: gf.text("{}", f"a {handle!s}")])
def test_text_that_holds_a_handle_s_name_is_refused_with_the_fix(make):
    g = built()
    n = g.add("number")
    with pytest.raises(gf.InvalidGraph, match=r"write gf\.text"):
        g.add("say", text=make(n))


def test_a_graph_shows_its_name_and_size():
    g = built()
    assert repr(g).endswith("0 nodes>")
    g.add("number")
    assert repr(g).endswith("1 node>")


def test_a_graph_without_inputs_says_so():
    (problem,) = graph("nodes: {n: {type: number}}").check({"x": 1}).problems
    assert problem.fix == "leave it out: there are none"


def test_a_handle_is_no_bool_no_list_and_has_no_slices():
    handle = built().add("number")
    with pytest.raises(gf.GraphflowError, match="use when= or a switch"):
        bool(handle)
    with pytest.raises(gf.GraphflowError, match="no items before the run"):
        list(handle)
    for index in (-1, "a", slice(2), 1.0, True):
        with pytest.raises(gf.GraphflowError, match="counted from 0"):
            handle[index]


def test_a_handle_shows_itself():
    parts = built().add("digits", id="parts", value=1)
    assert repr(parts.ones) == "<Handle $parts.ones>"


def test_python_does_not_take_a_handle_for_something_else():
    import copy

    handle = built().add("number")
    assert not hasattr(handle, "__array__")
    assert not hasattr(handle, "_repr_html_")
    assert {handle: 1}[handle] == 1
    assert copy.copy(handle)._reference == handle._reference


# Text


def texted(make) -> str:
    g = built()
    thing = g.input("thing", "string", default="star")
    g.output(text=g.add("say", text=make(thing)))
    return gf.run(g)["text"]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda thing: gf.text("a photo of {}", thing), "a photo of star"),
        (lambda thing: gf.text("{}", thing), "star"),
        (lambda thing: gf.text("{}s and {}{}", thing, thing, "!"), "stars and star!"),
        (lambda thing: gf.text("{0} {1} {0}", thing, 5), "star 5 star"),
        (lambda thing: gf.text("{a} {b}", a=thing, b=2.5), "star 2.5"),
        (lambda thing: gf.text("{{}} {}", thing), "{} star"),
        (lambda thing: gf.text("$5 for {}", thing), "$5 for star"),
        (lambda thing: gf.text("$thing {}", thing), "$thing star"),
        (lambda thing: gf.text("$$thing {}", thing), "$$thing star"),
        (lambda thing: gf.text("${}", thing), "$star"),
        (lambda thing: gf.text("{}.png [0] {}_b", thing, thing), "star.png [0] star_b"),
        (lambda thing: gf.text("{}[0]", thing), "star[0]"),
        (lambda thing: gf.text("{}{}", thing, "x"), "starx"),
        (lambda thing: gf.text("{}{}", thing, ".port"), "star.port"),
        (lambda thing: gf.text("{} and {}", "$thing", thing), "$thing and star"),
        (lambda thing: gf.text("plain"), "plain"),
    ],
)
def test_text_holds_values(make, text):
    assert texted(make) == text


def test_text_holds_outputs_too():
    g = built()
    n = g.add("number", value=4)
    g.output(text=g.add("say", text=gf.text("number {}", n)))
    assert gf.run(g)["text"] == "number 4"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: gf.text("{}"), "has no value for"),
        (lambda: gf.text("{a}", b=1), "has no value for .a"),
        (lambda: gf.text("{} {2}", 1, 2), "has no value for .2"),
        (lambda: gf.text("", 1), "has no place for value 0"),
        (lambda: gf.text("{:.2f}", 1.5), "takes no format"),
        (lambda: gf.text("{!r}", "a"), "takes no format"),
        (lambda: gf.text("{"), "write {{ for a brace"),
        (lambda: gf.text("}"), "write {{ for a brace"),
        (lambda: gf.text("{a.b}", a=1), "has no value for"),
        (lambda: gf.text("{}", None), "text"),
        (lambda: gf.text("{}", [1]), "text"),
        (lambda: gf.text(5), "text"),
    ],
)
def test_text_that_cannot_be_made_is_refused(make, match):
    with pytest.raises(gf.GraphflowError, match=match):
        make()


# Strings are literal

STRINGS = [
    "$x", "$$x", "$$$x", "${x}", "$5", "$", "a $x b", "no", "yes", "null", "~", "1", "1e-3", "4:3", "true", "", " a ",
    "- a", "{a: 1}", "[a]", "a: b", "# no comment", "a\nb\n", "\tq", "é ü 漢", "'", '"', "\\n", "&a", "*a", "!t", "|",
]  # fmt: skip


@pytest.mark.parametrize("string", STRINGS)
def test_strings_of_python_are_literal_also_after_saving(string):
    g = built()
    g.input("x", "string", default=string)
    g.output(
        text=g.add("say", text=string),
        mixed=g.add("say", text=gf.text("{}{}", string, "|")),
        joined=g.add("join", words=[string, string]),
        x=g.add("say", text=gf.text("{}", g.input("y", "string", default=string))),
    )
    expected = {"text": string, "mixed": string + "|", "joined": f"{string} | {string}", "x": string}
    assert gf.run(g).outputs == expected
    assert gf.run(gf.load(g.save("saved.yaml"), catalog=CATALOG)).outputs == expected


def test_numbers_of_python_keep_their_values_after_saving():
    g = built()
    numbers = [0.1, 1e-7, 1e300, -0.0, 3, 10**20]
    g.output(o=g.add("scale", value=1, for_each={"by": numbers}))
    assert gf.run(gf.load(g.save("saved.yaml"), catalog=CATALOG))["o"] == tuple(map(float, numbers))


def test_a_path_may_be_a_path():
    gf.Image(bytes(12), 2, 2).save("p.png")
    g = built()
    g.add("shade_of", image=Path("p.png"))
    assert gf.run(g).outputs == {"shade_of": 0}


# Outputs


def test_without_outputs_the_first_output_of_every_unread_node():
    g = built()
    a = g.add("digits", id="a", value=12)
    g.add("add", id="b", a=a.ones)
    g.add("number", id="c", value=7)
    assert gf.run(g).outputs == {"b": 2, "c": 7}


def test_outputs_are_added_up_call_by_call():
    g = built()
    n = g.add("number")
    g.output(a=n)
    g.output(b=n)
    assert gf.run(g).outputs == {"a": 1, "b": 1}


def test_an_input_handle_can_be_an_output():
    g = built()
    g.output(x=g.input("x", "int", default=5))
    assert gf.run(g).outputs == {"x": 5}


# Graphs from files go on in Python


def test_a_loaded_graph_can_be_added_to():
    g = graph("inputs: {x: {type: int, default: 1}}\nnodes: {a: {type: add, a: $x}}\noutputs: {a: $a}")
    b = g.add("number", value=3)
    g.output(b=b)
    assert gf.run(g).outputs == {"a": 1, "b": 3}
    with pytest.raises(gf.InvalidGraph, match="the name a is taken"):
        g.add("number", id="a")


def test_graphs_without_a_catalog_have_the_shipped_nodes():
    g = gf.Graph()
    with pytest.raises(gf.InvalidGraph, match="there is no node type number"):
        g.add("number")
    assert repr(g.add("mask_blur", mask=g.input("m", "mask"))) == "<NodeHandle $mask_blur>"
