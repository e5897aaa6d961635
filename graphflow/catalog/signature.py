"""Read a node type or a step from the signature of a marked function."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import sys
import types
import typing
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from graphflow.catalog.authoring import (
    NODE_MARK,
    STEP_MARK,
    Context,
    Doc,
    NodeMark,
    SameSize,
    SeedMark,
    SizeOf,
    SpaceOf,
    StepMark,
)
from graphflow.catalog.node_type import LABELS, MISSING, NodeType, Output, Param, Port, StepFunction
from graphflow.document.known_keys import NODE_KEYS
from graphflow.errors import DefinitionError, InvalidValue
from graphflow.problems import shown_path
from graphflow.values import types as gt
from graphflow.values.value_types import word_of_class

LOOSE = "graphflow_loose_"
"""Prefix of the names of modules that are loaded from single files of nodes."""


def node_type(function: Callable[..., Any], *, shipped_version: str | None = None) -> NodeType:
    """Read a function marked `@node`.

    Args:
        function: ports before `*`, params after it, the outputs in the return annotation.
        shipped_version: the version of the distribution, which identifies the function's source; None for
            third-party nodes, for which a digest of the module's source is used instead.

    Raises:
        DefinitionError: the function is not marked, or its signature is not valid; the message gives the reason.
    """
    mark: NodeMark | None = getattr(function, NODE_MARK, None)
    if mark is None:
        raise DefinitionError(f"{_name(function)} is not marked: write @node() above it")
    hints, signature = _hints(function)
    ports: dict[str, Port] = {}
    params: dict[str, Param] = {}
    for argument in signature.parameters.values():
        if _is_context(hints[argument.name]):
            continue
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise DefinitionError(f"{_name(function)}: *{argument.name} cannot be a port or a param")
        if argument.name in NODE_KEYS:
            raise DefinitionError(f"{_name(function)}: {argument.name} is not a valid name: it is a key of every node")
        if argument.kind is argument.KEYWORD_ONLY:
            params[argument.name] = _param(function, argument, hints[argument.name])
        else:
            ports[argument.name] = _port(function, argument, hints[argument.name])
    outputs = _outputs(function, hints.get("return"))
    for name in [f for o in outputs.values() for f in (o.size_of, o.space_of) if f] + [
        p.same_size for p in ports.values() if p.same_size
    ]:
        if name not in ports:
            raise DefinitionError(f"{_name(function)}: SizeOf, SameSize and SpaceOf name a port; {name} is not a port")
    for name, text in mark.usual.items():
        if name not in params or params[name].default is not None:
            message = f"usual names params whose default is None; {name} is not such a param"
            raise DefinitionError(f"{_name(function)}: {message}")
        params[name] = dataclasses.replace(params[name], usual=text)
    return NodeType(
        name=function.__name__,
        summary=_first_line(function),
        doc=_docstring(function),
        ports=ports,
        params=params,
        outputs=outputs,
        function=_step_function(function, mark.version, mark.environment, mark.deterministic, shipped_version),
        plan=mark.plan,
        select=mark.select,
        shipped_version=shipped_version,
        group=function.__module__.split(".")[-2] if "." in function.__module__ else "",
    )


@functools.lru_cache(maxsize=512)
def step_function(function: Callable[..., Any], shipped_version: str | None = None) -> StepFunction:
    """Read a function marked `@step`, for the `run` of a `Step`.

    Raises:
        DefinitionError: it is not marked, not at module level, or its signature is not valid.
    """
    mark: StepMark | None = getattr(function, STEP_MARK, None)
    if mark is None:
        raise DefinitionError(f"{_name(function)} is not marked: write @step() above it")
    if "<locals>" in function.__qualname__:
        raise DefinitionError(f"{_name(function)}: a step must be a function at module level")
    return _with_batched(
        _step_function(function, mark.version, mark.environment, mark.deterministic, shipped_version),
        mark,
        shipped_version,
    )


def _with_batched(step: StepFunction, mark: StepMark, shipped_version: str | None) -> StepFunction:
    """The step with the function that computes several of it in one call."""
    if mark.batched is None:
        return step
    own, batched = inspect.signature(step.call).parameters, inspect.signature(mark.batched).parameters
    if own.keys() != batched.keys():
        different = ", ".join(sorted(own.keys() ^ batched.keys()))
        message = f"its arguments are not those of {step.call.__name__}; they differ in {different}"
        raise DefinitionError(f"{_name(mark.batched)}: {message}")
    identity = _identity(mark.batched, mark.version, shipped_version)
    return dataclasses.replace(step, batched=mark.batched, batched_identity=identity)


def _step_function(
    function: Callable[..., Any],
    version: int,
    environment: str | None,
    deterministic: bool,
    shipped_version: str | None,
) -> StepFunction:
    hints, signature = _hints(function)
    arguments = {name: hints[name] for name in signature.parameters if not _is_context(hints[name])}
    outputs = _outputs(function, hints.get("return"))
    if environment is None and shipped_version is None and _imports_torch(function):
        raise DefinitionError(
            f"{_name(function)}: its module imports torch, so its environment must be given: "
            'environment="torch", or "pure" if its results do not depend on torch'
        )
    return StepFunction(
        call=function,
        identity=_identity(function, version, shipped_version),
        environment=environment or "pure",
        deterministic=deterministic,
        arguments=tuple(arguments),
        argument_types={
            name: _type(function, name, hint)[0] for name, hint in arguments.items() if not _is_setting(hint)
        },
        context=next((name for name in signature.parameters if _is_context(hints[name])), None),
        outputs=tuple(outputs),
        types=tuple(output.type for output in outputs.values()),
        optional=frozenset(name for name, p in signature.parameters.items() if p.default is not p.empty),
        summary=_first_line(function).rstrip("."),
    )


def _name(function: Callable[..., Any]) -> str:
    """The name of a function for messages: with its module, or with file and line if it is from a file of nodes."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None and function.__module__.startswith(LOOSE):
        return f"{shown_path(Path(code.co_filename))}:{code.co_firstlineno}: {function.__qualname__}"
    return f"{function.__module__}.{function.__qualname__}"


def _docstring(function: Callable[..., Any]) -> str:
    return inspect.cleandoc(function.__doc__ or "")


def _first_line(function: Callable[..., Any]) -> str:
    return _docstring(function).partition("\n")[0]


def _hints(function: Callable[..., Any]) -> tuple[dict[str, Any], inspect.Signature]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DefinitionError(f"{_name(function)}: cannot read its annotations: {error}") from error
    signature = inspect.signature(function)
    bare = [name for name in signature.parameters if name not in hints]
    if bare:
        verb = "has" if len(bare) == 1 else "have"
        raise DefinitionError(f"{_name(function)}: {', '.join(bare)} {verb} no annotation")
    return hints, signature


def _is_context(hint: Any) -> bool:
    return hint is Context


def _is_setting(hint: Any) -> bool:
    """Whether an argument takes frozen data that edges cannot carry, such as a latent space; it can only be a param."""
    bare, _ = _split(hint)
    return isinstance(bare, type) and dataclasses.is_dataclass(bare) and word_of_class(bare) is None


def _split(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare annotation and the metadata of `Annotated`."""
    if get_origin(hint) is Annotated:
        return hint.__origin__, hint.__metadata__
    return hint, ()


def _type(function: Callable[..., Any], name: str, hint: Any) -> tuple[gt.Type, bool]:
    """The type that an annotation stands for, and whether None is also allowed."""
    bare, _ = _split(hint)
    optional = False
    if get_origin(bare) in (typing.Union, types.UnionType):
        members = [member for member in get_args(bare) if member is not type(None)]
        optional = len(members) < len(get_args(bare))
        if len(members) > 1:
            atoms = [_single(function, name, member) for member in members]
            return gt.Union(tuple(atoms)), optional  # type: ignore[arg-type]
        bare = members[0]
    return _single(function, name, bare), optional


def _single(function: Callable[..., Any], name: str, hint: Any) -> gt.Type:
    bare, _ = _split(hint)
    origin, arguments = get_origin(bare), get_args(bare)
    word = word_of_class(type(arguments[0]) if origin is Literal else bare)
    if word in gt.ATOMS:
        return gt.Atom(word)
    if isinstance(bare, TypeVar):
        return gt.Variable(bare.__name__, tuple(_single(function, name, c) for c in bare.__constraints__))  # type: ignore[misc]
    if origin in (list, Sequence) or (origin is tuple and arguments[1:] == (Ellipsis,)):
        inner = gt.list_of(_type(function, name, arguments[0])[0])
        if inner is not None:
            return inner
    message = f"{name} is annotated {hint!r}, which is not a type for ports, params or outputs"
    raise DefinitionError(f"{_name(function)}: {message}")


def _port(function: Callable[..., Any], argument: inspect.Parameter, hint: Any) -> Port:
    type_, optional = _type(function, argument.name, hint)
    if argument.default not in (argument.empty, None):
        raise DefinitionError(f"{_name(function)}: the default of the port {argument.name} can only be None")
    if optional != (argument.default is None):
        raise DefinitionError(f"{_name(function)}: write the optional port {argument.name} as `T | None = None`")
    extras = _split(hint)[1]
    return Port(argument.name, type_, optional, _doc(extras), _named(extras, SameSize))


def _param(function: Callable[..., Any], argument: inspect.Parameter, hint: Any) -> Param:
    type_, optional = _type(function, argument.name, hint)
    bare, extras = _split(hint)
    default = MISSING if argument.default is argument.empty else argument.default
    if isinstance(default, list):
        default = tuple(default)
    inner = next((m for m in get_args(bare) if m is not type(None)), bare) if optional else bare
    choices = get_args(inner) if get_origin(inner) is Literal else ()
    param = Param(
        name=argument.name,
        type=type_,
        annotation=hint,
        default=default,
        doc=_doc(extras),
        choices=choices,
        constraints=tuple(e for e in extras + _split(inner)[1] if not isinstance(e, (Doc, SeedMark))),
        derived_seed=any(isinstance(extra, SeedMark) for extra in extras),
    )
    if default is not MISSING and default is not None:
        try:
            param.accept(default)
        except InvalidValue as error:
            raise DefinitionError(f"{_name(function)}: the default of {argument.name} is not valid: {error}") from error
    return param


def _outputs(function: Callable[..., Any], hint: Any) -> dict[str, Output]:
    if hint is None or hint is type(None):
        raise DefinitionError(f"{_name(function)}: the return annotation is missing; it declares the outputs")
    bare, _ = _split(hint)
    bare = get_origin(bare) or bare
    if isinstance(bare, type) and issubclass(bare, tuple) and hasattr(bare, "_fields"):
        fields = typing.get_type_hints(bare, include_extras=True)
        return {name: _output(function, name, field_hint) for name, field_hint in fields.items()}
    type_, _ = _type(function, "return", hint)
    options = (
        type_.members if isinstance(type_, gt.Union) else type_.options if isinstance(type_, gt.Variable) else (type_,)
    )
    if not options:
        name = "value"
    else:
        name = f"{options[0].item}s" if isinstance(options[0], gt.ListOf) else str(options[0])
    return {name: _output(function, name, hint)}


def _output(function: Callable[..., Any], name: str, hint: Any) -> Output:
    if name == LABELS:
        raise DefinitionError(f"{_name(function)}: {LABELS} is not a valid name: for_each adds an output of this name")
    extras = _split(hint)[1]
    type_, _ = _type(function, name, hint)
    return Output(name, type_, _doc(extras), _named(extras, SizeOf), _named(extras, SpaceOf))


def _doc(extras: tuple[Any, ...]) -> str:
    return next((extra.text for extra in extras if isinstance(extra, Doc)), "")


def _named(extras: tuple[Any, ...], kind: type[SameSize | SizeOf | SpaceOf]) -> str | None:
    return next((extra.port for extra in extras if isinstance(extra, kind)), None)


def _identity(function: Callable[..., Any], version: int, shipped_version: str | None) -> str:
    source = f"graphflow {shipped_version}" if shipped_version else _source_digest(function)
    if function.__closure__:
        # The variables of the enclosing function have no digest, so its results are never shared.
        source += f" {uuid.uuid4()}"
    return f"{function.__module__}.{function.__qualname__} version {version} of {source}"


def _source_digest(function: Callable[..., Any]) -> str:
    try:
        text = _module_source(function)
    except (OSError, TypeError):
        # The function was defined interactively, so only its compiled code identifies it.
        code = function.__code__
        return hashlib.sha256(code.co_code + repr((code.co_consts, code.co_names)).encode()).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def _module_source(function: Callable[..., Any]) -> str:
    module = sys.modules.get(function.__module__)
    return inspect.getsource(module if module is not None else function)


def _imports_torch(function: Callable[..., Any]) -> bool:
    try:
        tree = ast.parse(_module_source(function))
    except (OSError, TypeError, SyntaxError):
        return False
    names = [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    return any(name.split(".")[0] in ("torch", "diffusers", "transformers") for name in names)
