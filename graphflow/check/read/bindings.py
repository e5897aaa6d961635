"""Bindings: the types that the type variables of a node's ports stand for."""

from __future__ import annotations

from graphflow.values.types import ListOf, Type, Variable, fits, item_of, list_of


class Bindings:
    """The types of the variables of a node's ports, decided by references."""

    def __init__(self) -> None:
        self.types: dict[str, Type] = {}

    def fit(self, source: Type, target: Type) -> bool:
        """Whether `source` fits, with a variable inside `target` bound on the way."""
        variable = item_of(target)
        if not isinstance(variable, Variable):
            return fits(source, target)
        if isinstance(target, ListOf):
            source = item_of(source)
        known = self.types.get(variable.name)
        if known is not None:
            if fits(source, known):
                return True
            if fits(known, source):
                self.types[variable.name] = source
                return True
            return False
        options = variable.options
        chosen = (
            source
            if not options
            else next((o for o in options if o == source), None) or next((o for o in options if fits(source, o)), None)
        )
        if chosen is None:
            return False
        self.types[variable.name] = chosen
        return True

    def substituted(self, type_: Type) -> Type | None:
        """`type_` with its variable replaced; an undecided one becomes its first option, or None."""
        if isinstance(type_, ListOf) and isinstance(type_.item, Variable):
            inner = self.substituted(type_.item)
            return list_of(inner) if inner is not None else None
        if not isinstance(type_, Variable):
            return type_
        return self.types.get(type_.name) or (type_.options[0] if type_.options else None)
