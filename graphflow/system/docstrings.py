"""Keep libraries importable when Python strips docstrings (`python -OO`, `PYTHONOPTIMIZE=2`): some read their own."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

_READ_THEIR_DOCSTRINGS = ("diffusers", "transformers")


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with its docstrings, without Python's cache, whose files lack them."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True, optimize=1)


class _Finder:
    """Finds the modules of these packages like Python, but loads them with their docstrings."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in _READ_THEIR_DOCSTRINGS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(name, spec.origin)
        return spec


def keep_docstrings() -> None:
    """Call it before these packages are imported; does nothing if Python keeps docstrings."""
    if sys.flags.optimize >= 2 and _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
