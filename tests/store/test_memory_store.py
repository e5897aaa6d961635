from graphflow.store.memory_store import MemoryStore
from graphflow.store.store import GONE


def test_a_recipe_is_known_as_long_as_one_of_its_results_is_in_the_index():
    store = MemoryStore(most=2)
    store.put("1", {"value": ("a", 1)}, "recipe")
    store.put("2", {"value": ("b", 2)}, "recipe")
    store.put("2", {"value": ("b", 2)}, "recipe")
    store.put("3", {"value": ("c", 3)})
    assert store.lookup("1") is None
    assert store.knows_recipe("recipe")
    store.put("4", {"value": ("d", 4)})
    assert store.lookup("2") is None
    assert not store.knows_recipe("recipe")


def test_a_result_without_a_recipe_is_no_known_recipe():
    store = MemoryStore()
    store.put("1", {"value": ("a", 1)})
    assert not store.knows_recipe("")


def test_a_content_is_there_until_it_is_evicted():
    store = MemoryStore(limit=64)
    store.put("1", {"value": ("a", 1)})
    assert store.has("a")
    store.put("2", {"value": ("b", 2)})
    assert not store.has("a")
    assert store.content("a") is GONE
    assert store.has("b")


def test_facts_of_a_machine_are_those_reported_last():
    store = MemoryStore()
    assert store.facts("this one") is None
    store.report("this one", "AVX2")
    store.report("this one", "AVX512")
    assert store.facts("this one") == "AVX512"
    assert store.facts("another") is None


def test_making_in_memory_never_waits():
    store = MemoryStore()
    with store.making(["1"], lambda: None) as first, store.making(["1"], lambda: None) as second:
        assert (first, second) == (False, False)


def test_a_closed_store_is_empty_and_can_be_used():
    store = MemoryStore()
    store.put("1", {"value": ("a", 1)}, "recipe")
    store.close()
    assert (store.lookup("1"), store.has("a"), store.knows_recipe("recipe")) == (None, False, False)
    store.put("1", {"value": ("a", 1)}, "recipe")
    assert store.lookup("1") == {"value": "a"}
