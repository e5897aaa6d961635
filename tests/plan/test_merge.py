"""Equal steps are one step."""

from tests.plan.toys import ENCODER, graph, paths


def steps(text: str) -> dict[str, tuple[str, ...]]:
    """Path → the paths that the step stands for, too."""
    return {step.path: step.also for step in graph(text).plan().steps}


def test_equal_nodes_are_one_step_that_names_the_others():
    assert steps("""
        nodes:
          a: {type: number, value: 3}
          b: {type: number, value: 3}
          c: {type: number, value: 3}
          end: {type: total, values: [$a, $b, $c]}
    """) == {"a": ("b", "c"), "end": ()}


def test_a_default_and_the_same_value_written_out_are_equal():
    assert steps("""
        nodes:
          a: {type: number}
          b: {type: number, value: 1}
    """) == {"a": ("b",)}


def test_merging_goes_on_downstream():
    assert steps("""
        nodes:
          a: {type: number}
          b: {type: number}
          a2: {type: add, a: $a}
          b2: {type: add, a: $b}
          end: {type: add, a: $a2, b: $b2}
    """) == {"a": ("b",), "a2": ("b2",), "end": ()}


def test_stages_of_two_types_share_the_step_that_they_have_in_common():
    plan = graph("""
        nodes:
          first: {type: sketch, prompt: a star}
          second: {type: polish, raw: $first.raw, prompt: a star}
        outputs: {image: $second}
    """).plan()
    assert [(step.path, step.also) for step in plan.steps] == [
        ("first/encode", ("second/encode",)),
        ("first/work", ()),
        ("second/work", ()),
        ("second/show", ()),
    ]
    assert plan.steps[0].uses == {"encoder": ENCODER}


def test_stages_with_other_words_share_no_step():
    assert len(steps("""
        nodes:
          first: {type: sketch, prompt: a star}
          second: {type: sketch, prompt: a stone}
    """)) == 6  # fmt: skip


def test_the_same_function_with_another_component_is_another_step():
    assert len(steps("""
        nodes:
          first: {type: use, model: a}
          second: {type: use, model: b}
    """)) == 2  # fmt: skip


def test_a_node_without_cache_is_never_merged():
    assert steps("""
        nodes:
          a: {type: number, cache: false}
          b: {type: number}
          c: {type: number, cache: false}
    """) == {"a": (), "b": (), "c": ()}


def test_a_node_that_is_not_deterministic_is_never_merged():
    assert steps("nodes: {a: {type: tick}, b: {type: tick}}") == {"a": (), "b": ()}


def test_other_seeds_are_other_steps_and_equal_seeds_are_not():
    assert steps("""
        nodes:
          a: {type: roll, seed: 1}
          b: {type: roll, seed: 2}
          c: {type: roll, seed: 1}
          derived: {type: roll}
          other: {type: roll}
    """) == {"a": ("c",), "b": (), "derived": (), "other": ()}


def test_an_int_and_an_equal_float_are_other_values():
    assert len(paths("nodes: {a: {type: say, text: '1'}, b: {type: say, text: '1.0'}}")) == 2


def test_a_text_of_pieces_and_the_same_text_written_out_are_equal():
    assert steps("""
        inputs: {thing: {type: string, default: star}}
        nodes:
          a: {type: say, text: a $thing}
          b: {type: say, text: a star}
    """) == {"a": ("b",)}


def test_one_picture_file_is_read_once_for_all_its_readers(tmp_path):
    from graphflow import Image

    Image(bytes(12), 2, 2).save(tmp_path / "p.png")
    plan = graph(
        """
        nodes:
          a: {type: invert, image: p.png}
          b: {type: shade_of, image: p.png}
        """,
        tmp_path,
    ).plan()
    assert [step.path for step in plan.steps] == ["image:p.png", "a", "b"]
