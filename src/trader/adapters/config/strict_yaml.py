"""What values a YAML text says, and where.

Only the plain part of YAML counts: no dates, no base-60 numbers, no octal, and no ``yes``, ``on`` or ``NO`` that
turns into a boolean. A number with a point becomes a Decimal from its own text; no float stands in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

#: No setting lies deeper than a few; libyaml, composing what is much deeper, would end the process itself.
_DEPTH_MAX = 32
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]{1,3})?|[-+]?[1-9][0-9]*[eE][-+]?[0-9]{1,3}")


class _Loader(_BASE):  # type: ignore[misc]
    """Composes nodes and guesses nothing: what a plain word means is decided here, in ``_scalar``."""

    yaml_implicit_resolvers: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Tree:
    """What one file says. ``root`` holds dicts, lists, text, int, Decimal, bool and None; problems have no file yet."""

    root: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_tree(text: str) -> Tree:
    """Read one YAML document that is a mapping; every problem is a line that starts with its key path."""
    try:
        if line := _find_too_deep(text):
            return Tree(problems=(f"line {line}: is nested more than {_DEPTH_MAX} levels deep; no setting is",))
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        return Tree(problems=(_syntax(error),))
    if not isinstance(node, yaml.MappingNode):
        return Tree(problems=("the file is empty or no mapping; sections with keys are required",))
    problems: list[str] = []
    root = _mapping(node, "", problems, ())
    return Tree(root, tuple(problems))


def iterate_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Name every value that has no keys below it, as ``risk.pegs.USDT[0]``; an empty list or mapping is one."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from iterate_leaves(item, join_path(path, key))
    elif isinstance(value, (list, tuple)) and value:
        for index, item in enumerate(value):
            yield from iterate_leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def join_path(path: str, key: object) -> str:
    """Append a key to a key path; a number is the place in a list."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def _find_too_deep(text: str) -> int:
    """Return the line on which a text nests too deeply, 0 if it does not. Raises: YAMLError."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH_MAX:
            return int(event.start_mark.line) + 1
    return 0


def _value(node: Any, path: str, problems: list[str], above: tuple[int, ...]) -> Any:
    if id(node) in above:
        problems.append(f"{path}: refers to itself")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, problems, above)
    if isinstance(node, yaml.SequenceNode):
        here = (*above, id(node))
        return [_value(item, f"{path}[{index}]", problems, here) for index, item in enumerate(node.value)]
    return _scalar(node, path, problems)


def _mapping(node: Any, path: str, problems: list[str], above: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, item in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(f"{path or 'the file'}: the key on line {line} is no text; a key is one word")
            continue
        # A key is always text: an asset called ON or NO keeps its name.
        key = str(key_node.value)
        where = join_path(path, key)
        if key in found:
            problems.append(f"{where}: is there twice, on lines {lines[key]} and {line}; once is allowed")
            continue
        lines[key] = line
        found[key] = _value(item, where, problems, (*above, id(node)))
    return found


def _scalar(node: Any, path: str, problems: list[str]) -> Any:
    text = str(node.value)
    # With no implicit resolvers every scalar is composed as text; quotes or a block style say that text is meant,
    # and a tag such as !!float or !env is none of the things a setting may be.
    if node.tag not in ("tag:yaml.org,2002:str", "!"):
        problems.append(f"{path}: the tag {node.tag} on line {node.start_mark.line + 1} is not allowed; remove it")
        return None
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _FRACTION.fullmatch(text) else text


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"is not YAML: {' '.join(str(error).split())}"
    return f"line {mark.line + 1}, column {mark.column + 1}: is not YAML: {getattr(error, 'problem', None) or error}"
