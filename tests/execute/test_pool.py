"""Components: loaded once, gone when another must come and nothing later uses them, kept within the budget."""

import dataclasses

import pytest

import graphflow as gf
from graphflow.execute.events import ComponentDropped, ComponentLoaded
from graphflow.plan.lifetimes import lifetimes
from tests.plan.toys import BYTES, graph


class Loads:
    """An engine's loader that writes down what it loads, and what is there at that time."""

    def __init__(self, **options):
        self.loaded: list[str] = []
        self.most = 0
        self.engine = gf.Engine(loader=self.load, **options)

    def load(self, component: gf.Component) -> str:
        self.loaded.append(component.identity.removeprefix("unet "))
        self.most = max(self.most, self.engine.pool.nbytes + component.nbytes)
        return component.label

    def run(self, text: str, **options) -> gf.Result:
        return self.engine.run(graph(text), **options)

    @property
    def held(self) -> list[str]:
        return [identity.removeprefix("unet ") for identity in self.engine.pool.identities]


def chain(models: str) -> str:
    """A chain of nodes that borrow these models, one after the other."""
    lines = [
        f"n{i}: {{type: use, model: {model}, tag: {i}, values: [{f'$n{i - 1}' if i else ''}], cache: false}}"
        for i, model in enumerate(models)
    ]
    return "nodes: {" + ", ".join(lines) + "}"


def test_each_component_is_loaded_once_in_a_run():
    loads = Loads()
    loads.run(chain("abacba"))
    assert loads.loaded == ["a", "b", "c"]


def test_what_two_nodes_share_is_loaded_once():
    loads = Loads()
    loads.run("""
        nodes:
          one: {type: sketch, prompt: x}
          two: {type: sketch, prompt: y}
    """)
    assert loads.loaded == ["text encoder", "a"]


def test_where_nothing_is_kept_a_component_goes_before_another_is_loaded():
    loads = Loads(keep=False)
    loads.run(chain("abc"))
    assert loads.most == max(BYTES.values())


def test_where_nothing_is_kept_a_component_goes_before_the_next_step_that_borrows_even_if_nothing_is_loaded():
    held = []

    def look(event):
        if type(event).__name__ == "StepFinished":
            held.append("".join(loads.held))

    loads = Loads(keep=False)
    loads.run(chain("abba"), on_event=look)
    assert held == ["a", "ab", "ab", "a"]


def test_a_component_that_is_used_later_stays():
    loads = Loads(keep=False)
    loads.run(chain("aba"))
    assert loads.most == BYTES["a"] + BYTES["b"]


@pytest.mark.parametrize("models", ["a", "ab", "aba", "abcab", "abcba", "aabbcc"])
def test_the_plans_peak_is_what_a_run_takes(models):
    loads = Loads(keep=False)
    plan = graph(chain(models)).plan()
    loads.engine.run(plan)
    assert loads.most == plan.lifetimes.peak


def test_the_next_run_finds_what_is_loaded():
    loads = Loads()
    for _ in range(2):
        loads.run(chain("aba"))
    assert loads.loaded == ["a", "b"]


def test_a_component_that_the_next_run_does_not_use_goes_where_the_budget_asks_for_it():
    loads = Loads(memory_budget=BYTES["b"])
    loads.run(chain("a"))
    assert loads.held == ["a"]
    loads.run(chain("b"))
    assert loads.held == ["b"]
    assert loads.most == BYTES["b"]


def test_without_a_budget_everything_stays_for_the_next_run():
    loads = Loads()
    for models in ("abc", "cba"):
        loads.run(chain(models))
    assert loads.loaded == ["a", "b", "c"]


def test_a_run_that_loads_nothing_lets_nothing_go():
    loads = Loads()
    loads.run(chain("a"))
    loads.run("nodes: {n: {type: number}}")
    assert loads.held == ["a"]


@pytest.mark.parametrize(
    ("budget", "loaded", "held"), [(None, "ab", "ab"), ("30 B", "ab", "ab"), (29, "aba", "a"), (20, "aba", "a")]
)
def test_components_fit_the_budget_and_are_loaded_again_where_they_must(budget, loaded, held):
    loads = Loads(memory_budget=budget)
    loads.run(chain("aba"))
    assert "".join(loads.loaded) == loaded
    assert "".join(sorted(loads.held)) == held
    assert loads.most <= loads.engine.pool.budget if budget else loads.most == 30


def test_what_is_used_last_goes_first():
    """With room for two of three, keeping what comes next loads least."""
    loads = Loads(memory_budget=BYTES["a"] + BYTES["b"] + BYTES["c"] - 1)
    loads.run(chain("abcba"))
    assert "".join(loads.loaded) == "abca"


def test_a_budget_below_what_one_step_needs_is_refused():
    loads = Loads(memory_budget=BYTES["b"] - 1)
    with pytest.raises(gf.GraphflowError, match="one step alone needs 20"):
        loads.run(chain("ab"))
    assert not loads.loaded


def test_loads_and_drops_are_events():
    events = []
    Loads(memory_budget=20).run(chain("ab"), on_event=events.append)
    told = [event for event in events if isinstance(event, (ComponentLoaded, ComponentDropped))]
    assert [(type(event).__name__, event.component) for event in told] == [
        ("ComponentLoaded", "unet of a"),
        ("ComponentDropped", "unet of a"),
        ("ComponentLoaded", "unet of b"),
    ]
    assert [event.nbytes for event in told if isinstance(event, ComponentLoaded)] == [10, 20]
    assert type(events[-1]).__name__ == "RunFinished"


def test_a_failed_load_fails_the_step_and_is_tried_again():
    broken = [True]

    def loader(component):
        if broken:
            broken.clear()
            raise OSError("no file")
        return component

    engine = gf.Engine(loader=loader)
    with pytest.raises(gf.RunFailed) as caught:
        engine.run(graph(chain("a")))
    assert isinstance(caught.value.result.failed["n0"].__cause__, OSError)
    assert engine.run(graph(chain("a"))).executed == ["n0"]


def test_a_step_borrows_only_what_it_declares():
    @gf.node()
    def greedy(context: gf.Context) -> int:
        return context.borrow("vae")

    from tests.plan.toys import CATALOG

    with pytest.raises(gf.RunFailed, match="n borrows vae, and declares none"):
        gf.run(graph("nodes: {n: {type: greedy}}", catalog=CATALOG.extended(greedy)))


def test_closing_an_engine_lets_components_go():
    loads = Loads()
    with loads.engine:
        loads.run(chain("a"))
    assert loads.held == []


@pytest.mark.parametrize(
    ("size", "nbytes"), [(7, 7), ("7", 7), ("8GiB", 2**33), ("1.5 MB", 1_500_000), ("2kib", 2048), ("0B", 0)]
)
def test_sizes_are_read(size, nbytes):
    from graphflow.system.byte_sizes import parse_bytes

    assert parse_bytes(size) == nbytes


@pytest.mark.parametrize("size", ["much", "8 elephants", "-3", "", "GiB"])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(gf.GraphflowError, match="is not a size"):
        gf.Engine(memory_budget=size)


class Moves:
    """An engine whose pool writes down what it loads and moves, and what is on the device at each step."""

    def __init__(self, **options):
        self.told: list[str] = []
        self.on_device: list[int] = []
        self.peak = 0
        self.engine = gf.Engine(loader=self.load, **options)
        self.engine.pool._mover = self.move

    def load(self, component: gf.Component) -> str:
        self.told.append(f"load {component.label}")
        return component.label

    def move(self, component: gf.Component, model: str, *, away: bool) -> None:
        assert model == component.label
        self.told.append(f"{'away' if away else 'back'} {component.label}")

    def run(self, text: str, offload: str = "model") -> None:
        plan = graph(text).plan()
        steps = []
        for step in plan.steps:
            uses = {role: dataclasses.replace(part, offload=offload) for role, part in step.uses.items()}
            steps.append(step._replace(uses=uses))
        offloaded = dataclasses.replace(plan, steps=tuple(steps), lifetimes=lifetimes(steps, plan.outputs))
        self.engine.run(offloaded, on_event=self.look)
        self.peak = offloaded.lifetimes.peak

    def look(self, event: object) -> None:
        self.on_device.append(self.engine.pool.nbytes)

    def moves(self) -> list[str]:
        told, self.told = [line.replace("unet of ", "") for line in self.told], []
        return told


def test_with_offload_only_what_the_step_uses_is_on_the_device():
    moves = Moves()
    moves.run(chain("abab"))
    assert moves.moves() == ["load a", "away a", "load b", "away b", "back a", "away a", "back b"]
    assert max(moves.on_device) == moves.peak == max(BYTES["a"], BYTES["b"])


def test_what_is_away_takes_nothing_of_the_budget_and_is_not_loaded_again():
    moves = Moves(memory_budget=max(BYTES.values()))
    moves.run(chain("abcabc"))
    assert [line for line in moves.moves() if line.startswith("load")] == ["load a", "load b", "load c"]


def test_a_later_run_without_offload_finds_what_was_moved_away():
    moves = Moves()
    moves.run(chain("ab"))
    moves.run(chain("ab"), "none")
    assert moves.moves() == ["load a", "away a", "load b", "away b", "back a", "back b"]
    moves.run(chain("ab"), "none")
    assert moves.moves() == []


def test_what_is_moved_layer_by_layer_is_loaded_anew_for_a_run_without():
    moves = Moves()
    moves.run(chain("a"), "group")
    moves.run(chain("a"), "none")
    moves.run(chain("a"), "group")
    assert moves.moves() == ["load a"] * 3
