"""Who uses which module of the packages, told from the imports: by folder, as docs/system-audit.md names them."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from architecture.rules import Source

#: More folders than this are not listed one by one.
FOLDERS_MAX = 6
MANY = "most of the tree"
HERE = "here"


def find_callers(sources: Sequence[Source]) -> Mapping[str, str]:
    """Each module by its path below src, without the ending, and the folders whose modules import it.

    Modules of its own folder are *here*, all of desk is one folder to a module of trader. Nothing where nobody does.
    """
    trees = {name_of(source): source.tree for source in sources}
    packages = {name.removesuffix("/__init__"): name for name in trees if name.endswith("/__init__")}
    used: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for target in _imports(tree, trees, packages):
            if target != name:
                used[target].add(_label(name, target))
    return {name: _tell(labels) for name, labels in used.items()}


def holds_code(source: Source) -> bool:
    """Whether a file is a module to a reader: the file of a package is one only if something is defined in it."""
    return not source.path.endswith("/__init__.py") or any(
        isinstance(node, ast.FunctionDef | ast.ClassDef) for node in source.tree.body
    )


def name_of(source: Source) -> str:
    """``trader/cycle/run`` for src/trader/cycle/run.py."""
    return source.path.removeprefix("src/").removesuffix(".py")


def _imports(tree: ast.Module, trees: Mapping[str, ast.Module], packages: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _resolve(node.module.replace(".", "/"), alias.name, trees, packages)
        elif isinstance(node, ast.Import):
            yield from (name for alias in node.names if (name := alias.name.replace(".", "/")) in trees)


def _resolve(module: str, name: str, trees: Mapping[str, ast.Module], packages: Mapping[str, str]) -> Iterator[str]:
    """The module that a name comes from: what a package only hands on is that of where it has it from."""
    if f"{module}/{name}" in trees:
        yield f"{module}/{name}"
    elif f"{module}/{name}" in packages:
        yield packages[f"{module}/{name}"]
    elif module in trees:
        yield module
    elif module in packages:
        handed = [
            (node.module or "").replace(".", "/")
            for node in trees[packages[module]].body
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}
        ]
        yield next((each for each in handed if each in trees), packages[module])


def _label(caller: str, target: str) -> str:
    folder, _, _ = caller.rpartition("/")
    if folder == target.rpartition("/")[0]:
        return HERE
    if caller.startswith("desk/") and target.startswith("trader/"):
        return "`desk`"
    top, _, rest = folder.partition("/")
    own = caller.rpartition("/")[2] if top == "trader" and not rest else folder
    return f"`{rest or own}`"


def _tell(labels: set[str]) -> str:
    if len(labels) > FOLDERS_MAX:
        return MANY
    return ", ".join(sorted(labels, key=lambda label: (label != HERE, label)))
