"""Compile a package with the methods spelled out that `dataclasses` would write and compile at every start.

    python3.13 layers/spell_out.py FOLDER MOUNTED_AT

For each dataclass the standard library puts the text of ``__init__``, ``__repr__``, ``__eq__`` and ``__hash__``
together and hands it to the compiler: for all of ours a tenth of a cold start. The text follows from the source alone,
so compiling it is the builder's work like any other compiling. The sources stay as they are, and fields, slots and
frozenness are made by `dataclass` as ever; tests/architecture/test_spell_out.py compares each class with its twin.

A class of a form that is not known here is left as it is, which costs time and nothing else.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_OPTIONS = frozenset({"frozen", "slots", "repr"})
_NOT_FIELDS = ("ClassVar", "InitVar", "KW_ONLY")

# PEP 552: after the magic number a word of flags, here "by hash, and never compared with a source".
_UNCHECKED_HASH = (1).to_bytes(4, "little")


class Member(NamedTuple):
    """A field: its name, whether the class has a default under that name, and how a default is made anew."""

    name: str
    has_default: bool = False
    factory: str | None = None
    shown: bool = True


def spelled_out(source: str) -> ast.Module:
    """Parse a module and write the methods into its frozen dataclasses."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and (call := _decorator(node)) is not None:
            members = _members(node)
            if members is not None:
                _write_into(node, call, members)
    return tree


def _decorator(node: ast.ClassDef) -> ast.Call | None:
    """Find ``@dataclass(frozen=True, …)``; None for any other class, and for one with options not known here."""
    if node.bases or node.keywords or len(node.decorator_list) != 1:
        return None
    if ast.get_docstring(node) is None:
        # `dataclass` would make one out of the signature.
        return None
    call = node.decorator_list[0]
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "dataclass"):
        return None
    options = {each.arg: getattr(each.value, "value", None) for each in call.keywords}
    return call if options.keys() <= _OPTIONS and options.get("frozen") is True else None


def _members(node: ast.ClassDef) -> list[Member] | None:
    """Read the fields off a class body; None if one is of a kind not known here."""
    members = []
    for item in node.body:
        if not isinstance(item, ast.AnnAssign):
            continue
        member = _member(item)
        if member is None:
            return None
        members.append(member)
    return members


def _member(item: ast.AnnAssign) -> Member | None:
    name = item.target.id if isinstance(item.target, ast.Name) else ""
    if not name or any(word in ast.unparse(item.annotation) for word in _NOT_FIELDS):
        return None
    value = item.value
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field"):
        return Member(name, has_default=value is not None)
    options = {each.arg: each.value for each in value.keywords}
    if options.keys() - {"default_factory", "repr"}:
        return None
    factory, shown = options.get("default_factory"), options.get("repr")
    return Member(
        name,
        factory=None if factory is None else f"({ast.unparse(factory)})()",
        shown=shown is None or bool(ast.literal_eval(shown)),
    )


def _write_into(node: ast.ClassDef, call: ast.Call, members: Sequence[Member]) -> None:
    own = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    is_shown = all(getattr(each.value, "value", None) for each in call.keywords if each.arg == "repr")
    texts = {
        "__init__": _init(members, has_post_init="__post_init__" in own),
        "__repr__": _repr(members) if is_shown else None,
        "__eq__": _eq(members),
        "__copy__": _copy(members) if _has_slots(call) and "__post_init__" not in own else None,
        "__hash__": f"def __hash__(self):\n return hash(({''.join(f'self.{each.name},' for each in members)}))",
    }
    for name, text in texts.items():
        if text is not None and name not in own:
            method = ast.parse(text).body[0]
            # A traceback points at the class.
            for part in ast.walk(method):
                if isinstance(part, ast.stmt | ast.expr | ast.arg):
                    part.lineno = part.end_lineno = node.lineno
                    part.col_offset = part.end_col_offset = 0
            node.body.append(method)
    call.keywords = [each for each in call.keywords if each.arg != "repr"]
    call.keywords += [ast.keyword(option, ast.Constant(value=False)) for option in ("init", "repr", "eq")]
    ast.fix_missing_locations(call)


def _init(members: Sequence[Member], *, has_post_init: bool) -> str:
    # A default is taken from the class body, where its name stands for the value. Nobody gives ``...`` for a value.
    parameters, lines = ["self"], []
    for each in members:
        parameters.append(each.name + ("=..." if each.factory else f"={each.name}" if each.has_default else ""))
        value = f"{each.factory} if {each.name} is ... else {each.name}" if each.factory else each.name
        lines.append(f" object.__setattr__(self, {each.name!r}, {value})")
    lines += [" self.__post_init__()"] if has_post_init else []
    return "\n".join([f"def __init__({', '.join(parameters)}):", *(lines or [" pass"])])


def _has_slots(call: ast.Call) -> bool:
    return any(each.arg == "slots" and getattr(each.value, "value", None) is True for each in call.keywords)


def _copy(members: Sequence[Member]) -> str:
    # What `trader.model.frozen` would write at its first copy of a value of this class.
    lines = (f" object.__setattr__(copy, {each.name!r}, self.{each.name})" for each in members)
    return "\n".join(("def __copy__(self):", " copy = object.__new__(self.__class__)", *lines, " return copy"))


def _repr(members: Sequence[Member]) -> str:
    shown = ", ".join(f"{each.name}={{self.{each.name}!r}}" for each in members if each.shown)
    return f'def __repr__(self):\n return f"{{self.__class__.__qualname__}}({shown})"'


def _eq(members: Sequence[Member]) -> str:
    equal = " and ".join(f"self.{each.name} == other.{each.name}" for each in members) or "True"
    return (
        "def __eq__(self, other):\n if self is other:\n  return True\n"
        f" if other.__class__ is self.__class__:\n  return {equal}\n return NotImplemented"
    )


def compile_folder(root: Path, mounted_at: str) -> None:
    """Put byte-code beside each source, valid whatever a file's time says, and valid without the source."""
    for file in sorted(root.rglob("*.py")):
        source = file.read_bytes()
        seen_as = f"{mounted_at}/{file.relative_to(root).as_posix()}"
        code = compile(spelled_out(source.decode()), seen_as, "exec", dont_inherit=True)
        head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
        file.with_suffix(".pyc").write_bytes(head + marshal.dumps(code))


if __name__ == "__main__":
    compile_folder(Path(sys.argv[1]), sys.argv[2])
