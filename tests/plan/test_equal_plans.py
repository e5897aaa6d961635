"""One graph, written in YAML, built in Python and built from templates, is one plan."""

import dataclasses

import numpy as np
import pytest

import graphflow as gf
from tests.plan.toys import CATALOG, built, graph

WRITTEN = """
    name: twelve
    inputs:
      photo: {type: image, default: assets/photo.png}
      thing: {type: string, default: star}
      plus: {type: int, default: 2, min: 0, max: 9}
    nodes:
      a_dark: {type: invert, image: $photo}
      a_mix: {type: blend, image: $a_dark, other: $photo}
      a_shade: {type: shade_of, image: $a_mix}
      a_sum: {type: add, a: $a_shade, plus: $plus}
      b_words: {type: say, text: a $thing}
      b_more: {type: say, text: '$b_words, detailed'}
      c_dark: {type: invert, image: $a_mix}
      c_mix: {type: blend, image: $c_dark, other: $a_mix}
      c_shade: {type: shade_of, image: $c_mix}
      c_sum: {type: add, a: $c_shade, plus: 5}
      all: {type: total, values: [$a_sum, $c_sum]}
      text: {type: join, words: [$b_more, sum $all]}
    outputs:
      image: $c_mix
      text: $text
"""

SHADING = """graphflow: 1
inputs:
  image: {type: image}
  plus: {type: int, default: 0}
nodes:
  dark: {type: invert, image: $image}
  mix: {type: blend, image: $dark, other: $image}
  shade: {type: shade_of, image: $mix}
  sum: {type: add, a: $shade, plus: $plus}
outputs: {image: $mix, sum: $sum}
"""

WORDING = """graphflow: 1
inputs:
  thing: {type: string}
nodes:
  words: {type: say, text: a $thing}
  more: {type: say, text: '$words, detailed'}
outputs: {text: $more}
"""

TEMPLATED = """
    name: twelve
    inputs:
      photo: {type: image, default: assets/photo.png}
      thing: {type: string, default: star}
      plus: {type: int, default: 2, min: 0, max: 9}
    nodes:
      a: {template: templates/shading.yaml, image: $photo, plus: $plus}
      b: {template: templates/wording.yaml, thing: $thing}
      c: {template: templates/shading.yaml, image: $a.image, plus: 5}
      all: {type: total, values: [$a.sum, $c.sum]}
      text: {type: join, words: [$b.text, sum $all]}
    outputs:
      image: $c.image
      text: $text
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the picture and the templates; it is the current one."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "templates").mkdir()
    gf.Image.of(np.full((2, 4, 3), 200, np.uint8)).save(tmp_path / "assets/photo.png")
    (tmp_path / "templates/shading.yaml").write_text(SHADING)
    (tmp_path / "templates/wording.yaml").write_text(WORDING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_python() -> gf.Graph:
    g = gf.Graph("twelve", catalog=CATALOG)
    photo = g.input("photo", "image", default="assets/photo.png")
    thing = g.input("thing", "string", default="star")
    plus = g.input("plus", "int", default=2, min=0, max=9)

    def shaded(name, image, plus):
        dark = g.add("invert", id=f"{name}_dark", image=image)
        mix = g.add("blend", id=f"{name}_mix", image=dark, other=image)
        shade = g.add("shade_of", id=f"{name}_shade", image=mix)
        return mix, g.add("add", id=f"{name}_sum", a=shade, plus=plus)

    a_mix, a_sum = shaded("a", photo, plus)
    words = g.add("say", id="b_words", text=gf.text("a {}", thing))
    more = g.add("say", id="b_more", text=gf.text("{}, detailed", words))
    c_mix, c_sum = shaded("c", a_mix, 5)
    all_ = g.add("total", id="all", values=[a_sum, c_sum])
    text = g.add("join", id="text", words=[more, gf.text("sum {}", all_)])
    g.output(image=c_mix, text=text)
    return g


def with_templates() -> gf.Graph:
    g = gf.Graph("twelve", catalog=CATALOG)
    photo = g.input("photo", "image", default="assets/photo.png")
    thing = g.input("thing", "string", default="star")
    plus = g.input("plus", "int", default=2, min=0, max=9)
    a = g.add(template="templates/shading.yaml", id="a", image=photo, plus=plus)
    b = g.add(template="templates/wording.yaml", id="b", thing=thing)
    c = g.add(template="templates/shading.yaml", id="c", image=a.image, plus=5)
    all_ = g.add("total", id="all", values=[a.sum, c.sum])
    text = g.add("join", id="text", words=[b.text, gf.text("sum {}", all_)])
    g.output(image=c.image, text=text)
    return g


WAYS = {
    "yaml": lambda: graph(WRITTEN),
    "python": in_python,
    "templates in yaml": lambda: graph(TEMPLATED),
    "templates in python": with_templates,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_plan(folder, way):
    plan = WAYS[way]().plan()
    assert plan == graph(WRITTEN).plan()
    assert len(plan.steps) == 13
    assert plan.lifetimes == graph(WRITTEN).plan().lifetimes


@pytest.mark.parametrize("way", WAYS)
def test_saved_and_loaded_again_it_is_equal(folder, way):
    first = WAYS[way]()
    saved = first.save("saved.yaml")
    again = gf.load(saved, catalog=CATALOG)
    assert again == first
    assert again.plan() == first.plan()
    assert again.save("twice.yaml").read_text() == saved.read_text()


@pytest.mark.parametrize("way", WAYS)
def test_saved_into_another_folder_paths_are_written_from_there(folder, monkeypatch, way):
    first = WAYS[way]()
    (folder / "deep/er").mkdir(parents=True)
    saved = first.save("deep/er/saved.yaml")
    assert "../../assets/photo.png" in saved.read_text()
    assert ("../../templates/shading.yaml" in saved.read_text()) == ("templates" in way)
    # Wherever it is loaded from:
    monkeypatch.chdir("/")
    again = gf.load(folder / saved, catalog=CATALOG)
    assert again == first
    assert again.plan() == first.plan()
    assert gf.run(again)["text"] == gf.run(first)["text"]


def test_yaml_and_python_are_equal_graphs(folder):
    assert in_python() == graph(WRITTEN)
    assert with_templates() == graph(TEMPLATED)


def test_a_template_is_another_graph_of_the_same_plan(folder):
    assert with_templates() != in_python()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("plus: 5", "plus: 6"),
        ("a $thing", "the $thing"),
        ("[$a_sum, $c_sum]", "[$c_sum, $a_sum]"),
        ("image: $c_mix\n      text", "image: $a_mix\n      text"),
        ("default: star", "default: stone"),
        ("a: $c_shade", "a: $c_shade, cache: false"),
    ],
)
def test_what_a_run_would_do_otherwise_is_another_plan(folder, old, new):
    assert old in WRITTEN
    assert graph(WRITTEN.replace(old, new)).plan() != graph(WRITTEN).plan()


def test_names_and_places_are_no_part_of_a_plan(folder):
    renamed = WRITTEN.replace("a_", "zz_").replace("name: twelve", "name: dozen")
    plan = graph("\n\n    # further down\n" + renamed).plan()
    assert plan == graph(WRITTEN).plan()
    assert hash(plan) == hash(graph(WRITTEN).plan())


def test_another_picture_under_the_same_name_is_another_plan(folder):
    before = graph(WRITTEN).plan()
    assert graph(WRITTEN).plan() == before
    gf.Image.of(np.zeros((2, 4, 3), np.uint8)).save(folder / "assets/photo.png")
    assert graph(WRITTEN).plan() != before


def test_relative_paths_anywhere_in_a_node_move(folder):
    g = built()
    g.input("folder", "string", default="assets")
    g.add("invert", id="port", image="assets/photo.png")
    g.add("load_image", id="param", path="assets/photo.png")
    g.add("sheet", id="listed", images=["assets/photo.png", "assets/photo.png"])
    g.add("invert", id="each", for_each={"image": ["assets/photo.png"]})
    (folder / "sub").mkdir()
    saved = g.save("sub/saved.yaml")
    assert saved.read_text().count("../assets/photo.png") == 5
    assert gf.load(saved, catalog=CATALOG).plan() == g.plan()


def test_words_that_look_like_paths_stay_words(folder):
    g = built()
    g.add("say", text="assets/photo.png")
    (folder / "sub").mkdir()
    assert "text: assets/photo.png" in g.save("sub/saved.yaml").read_text()


def test_an_absolute_path_stays_what_it_is(folder):
    g = built()
    g.add("invert", image=folder / "assets/photo.png")
    (folder / "sub").mkdir()
    assert f"image: {folder}/assets/photo.png" in g.save("sub/saved.yaml").read_text()


def test_a_plan_is_frozen(folder):
    plan = graph(WRITTEN).plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.steps = ()
