"""The generated graph of a sweep: the graph as a template, a node that runs it for each combination, and grids."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import count

from graphflow.catalog.node_type import LABELS
from graphflow.check.checked import Checked
from graphflow.check.seeds import SEED, is_run_seed
from graphflow.document.known_keys import NODE_KEYS, RUN_SEED
from graphflow.document.model import CheckpointDecl, Document, InputDecl, NodeDecl, OutputDecl
from graphflow.document.scalars import write_scalar
from graphflow.document.text import NAME, Reference, escape, written
from graphflow.document.tree import Entry, Scalar, Tree
from graphflow.document.tree import Mapping as MapTree
from graphflow.document.tree import Sequence as ListTree
from graphflow.problems import Place
from graphflow.sweeps.axes import Axis
from graphflow.sweeps.layout import caption_lines, columns_of
from graphflow.values.types import CHECKPOINT, INT

EACH = "each"
"""The node that runs the graph for each combination."""

_HERE = Place("the sweep")


def generated(
    checked: Checked,
    axes: Sequence[Axis],
    pictures: Sequence[str],
    others: Sequence[str],
    *,
    given: Mapping[str, Tree],
) -> Document:
    """The graph of a sweep.

    Args:
        checked: the graph that it runs for each combination.
        axes: what it sets, the last one fastest.
        pictures: the outputs that get a grid.
        others: the other outputs that it has.
        given: the values of inputs in the call, which become their defaults.
    """
    repeated = checked.document
    swept = {axis.decl.name for axis in axes if axis.decl is not None}
    inputs = {
        name: dataclasses.replace(decl, default=given.get(name, decl.default))
        for name, decl in repeated.inputs.items()
        if name not in swept
    }
    run_seed: Tree | None = None
    runs = [name for name in inputs if not is_run_seed(inputs[name])]
    if any(axis.key == RUN_SEED for axis in axes):
        inputs = {name: inputs[name] for name in runs}
    elif SEED in given and checked.seed != checked.inputs[SEED]:
        # --seed and --set give different seeds: that of the run, and that of the input.
        run_seed, runs = Scalar(write_scalar(checked.seed), kind=int), list(inputs)
    else:
        run_seed = _run_seed(inputs, checked)
    names = _Names({*inputs, *(repeated.outputs or {})})
    each, template = names.free(EACH), repeated.name if NAME.match(repeated.name) else "graph"
    nodes = {
        each: NodeDecl(
            id=each,
            kind="template",
            ref=Scalar(template, _HERE),
            values={name: _reference(name) for name in runs},
            for_each=_for_each(axes),
            run_seed=run_seed,
            place=_HERE,
        )
    }
    kept = {name: decl for name, decl in (repeated.outputs or {}).items() if name in (*pictures, *others)}
    outputs: dict[str, OutputDecl] = {}
    for name, decl in kept.items():
        outputs[name] = dataclasses.replace(decl, value=Scalar(written(Reference(each, name))))
        if name in pictures:
            grid = names.free(f"{name}_grid")
            nodes[grid] = _grid(grid, Reference(each, name), Reference(each, LABELS), axes)
            outputs[grid] = dataclasses.replace(decl, name=grid, value=Scalar(written(Reference(grid))))
    return Document(
        name=repeated.name,
        description=_description(repeated.name, axes),
        inputs=inputs,
        checkpoints=_named_checkpoints(repeated, inputs, axes),
        templates={template: dataclasses.replace(repeated, outputs=kept)},
        nodes=nodes,
        outputs=outputs,
        file=repeated.file,
        folder=repeated.folder,
    )


class _Names:
    """Names that are not taken yet."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken | {*NODE_KEYS, SEED}

    def free(self, name: str) -> str:
        """This name, or one with a number if it is taken."""
        found = next(one for n in count(1) if (one := name if n == 1 else f"{name}_{n}") not in self._taken)
        self._taken.add(found)
        return found


def _run_seed(inputs: dict[str, InputDecl], checked: Checked) -> Tree:
    """The seed of every combination: the input `seed`, which a graph without one gets."""
    if SEED not in inputs:
        default = Scalar(write_scalar(checked.seed), kind=int)
        inputs[SEED] = InputDecl(SEED, INT, default=default, description="The seed of the run.")
    elif not is_run_seed(inputs[SEED]):
        return Scalar(write_scalar(checked.seed), kind=int)
    elif inputs[SEED].default is not None:
        # That of --seed, or the one that the graph has.
        inputs[SEED] = dataclasses.replace(inputs[SEED], default=Scalar(write_scalar(checked.seed), kind=int))
    return Scalar(written(Reference(SEED)))


def _for_each(axes: Sequence[Axis]) -> Tree:
    maps = [MapTree({axis.key: Entry(_literal(axis.values))}) for axis in axes]
    return maps[0] if len(maps) == 1 else ListTree(tuple(maps))


def _literal(tree: Tree) -> Tree:
    """Values of a call as a node writes them: a dollar in them is a plain dollar, so it is escaped."""
    if isinstance(tree, Scalar):
        return dataclasses.replace(tree, text=escape(tree.text))
    return ListTree(tuple(map(_literal, tree.items)), tree.place) if isinstance(tree, ListTree) else tree


def _reference(name: str) -> Entry:
    return Entry(Scalar(written(Reference(name)), _HERE))


def _grid(id_: str, images: Reference, captions: Reference, axes: Sequence[Axis]) -> NodeDecl:
    values = {
        "images": Scalar(written(images)),
        "captions": Scalar(written(captions)),
        "columns": Scalar(write_scalar(columns_of([axis.count for axis in axes])), kind=int),
    }
    lines = caption_lines([None if axis.decl is None else axis.decl.type for axis in axes])
    if lines is not None:
        values["caption_lines"] = Scalar(write_scalar(lines), kind=int)
    entries = {key: Entry(value) for key, value in values.items()}
    return NodeDecl(id_, "type", Scalar("image_grid", _HERE), entries, place=_HERE)


def _description(name: str, axes: Sequence[Axis]) -> str:
    listed = [axis.name for axis in axes]
    combined = " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
    return f"{name or 'A graph'} with several values of {combined}."


def _named_checkpoints(
    repeated: Document, inputs: Mapping[str, InputDecl], axes: Sequence[Axis]
) -> dict[str, CheckpointDecl]:
    """The short names of checkpoints that defaults of inputs or values of axes use."""
    trees = [decl.default for decl in inputs.values() if decl.type == CHECKPOINT]
    trees += [axis.values for axis in axes if axis.decl is not None and axis.decl.type == CHECKPOINT]
    texts: set[str] = set()
    for tree in trees:
        items = tree.items if isinstance(tree, ListTree) else (tree,)
        texts |= {item.text for item in items if isinstance(item, Scalar)}
    return {name: decl for name, decl in repeated.checkpoints.items() if name in texts}
