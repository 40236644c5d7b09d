"""The template of the stack, as far as a program has to know it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def read_template(template: Path = TEMPLATE) -> dict[str, Any]:
    """Read it; a function of CloudFormation is taken for what it is applied to."""
    found: dict[str, Any] = yaml.load(template.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
    return found


class _Loader(yaml.SafeLoader):
    """Reads what the short forms of CloudFormation's functions are applied to, and forgets the function."""


def _read_argument(loader: yaml.Loader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _read_argument)
