"""Rules of this code base that no linter knows, each a function from one source file to its findings.

A rule decides from the path whether it applies. It returns sentences with the place in front, and an empty list for
a clean file, so that test_rules.py can show each one failing on a few lines of text.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60

TRADER = "src/trader/"
CORE = tuple(
    TRADER + part
    for part in (
        "cycle/",
        "errors.py",
        "indicators.py",
        "model/",
        "ports.py",
        "settings/",
        "sim/",
        "stages/",
        "strategies/",
    )
)
REPORTS_EVERYTHING = ("src/trader/entry/", "src/desk/cli/")
#: The one function below the edge that may: what comes out of a strategy must not stop the exits of the others.
CONTAINS_STRATEGIES = ("src/trader/stages/proposals/answers.py", "ask_strategy")
#: Gives what a thread raised to whoever waits for its answer.
HANDS_ON = ("src/trader/adapters/coinbase/pool.py", "WorkerPool.run_within")
KNOWS_THE_MODE = ("src/trader/entry/", "src/trader/settings/app.py", "src/trader/adapters/config/files.py")

VAGUE_NAMES = frozenset({"common", "helper", "helpers", "misc", "tools", "util", "utils"})
# A name that ends in a dot stands for everything in that module.
CLOCK_OR_CHANCE = (
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "os.urandom",
    "random.",
    "secrets.",
    "time.",
    "uuid.uuid1",
    "uuid.uuid4",
)
MONEY = frozenset({"Decimal", "Notional", "Price", "Quantity"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root of the project, with forward slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


Rule = Callable[[Source], list[str]]


def modules_are_short(source: Source) -> list[str]:
    """No module is longer than a reader can hold in mind."""
    lines = len(source.text.splitlines())
    return [f"{source.path}: {lines} lines > {MODULE_LINES_MAX}"] if lines > MODULE_LINES_MAX else []


def functions_are_short(source: Source) -> list[str]:
    """No function is longer than one screen, its docstring included."""
    lengths = ((node, node.end_lineno - node.lineno + 1) for node in source.nodes if isinstance(node, Function))
    return [
        source.at(node, f"{node.name} has {lines} lines > {FUNCTION_LINES_MAX}")
        for node, lines in lengths
        if lines > FUNCTION_LINES_MAX
    ]


def modules_are_named_for_what_they_hold(source: Source) -> list[str]:
    """No module is a drawer for leftovers, and none manages managers."""
    names = source.path.removesuffix(".py").split("/")
    return [f"{source.path}: {name} says nothing" for name in names if name in VAGUE_NAMES or "manager_of" in name]


def broad_excepts_stand_at_the_edge(source: Source) -> list[str]:
    """Only an entry point or a command may catch everything: anywhere else that would hide our own bugs.

    A strategy's bug is not hidden but contained, in the one function that asks it; what a thread raised is not hidden
    but raised where its answer is waited for.
    """
    if source.path.startswith(REPORTS_EVERYTHING):
        return []
    caught: list[tuple[ast.AST, ast.expr | None]] = []
    allowed = {_first_handler(source, *CONTAINS_STRATEGIES), _first_handler(source, *HANDS_ON)}
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and node not in allowed:
            caught.append((node, node.type))
        elif isinstance(node, ast.Call) and _last_name(node.func) == "suppress":
            caught.extend((node, argument) for argument in node.args)
    return [source.at(node, "catches everything") for node, kind in caught if _is_everything(kind)]


def core_has_no_clock_and_no_chance(source: Source) -> list[str]:
    """The core asks its ports for the time and derives its ids: the same input gives the same bytes."""
    if not source.path.startswith(CORE):
        return []
    meaning = _imported_names(source)
    findings = []
    for node in source.nodes:
        if isinstance(node, ast.Name | ast.Attribute):
            dotted = _resolved(node, meaning)
            if dotted is not None and _is_clock_or_chance(dotted):
                findings.append(source.at(node, f"uses {dotted}"))
    return findings


def no_float_becomes_money(source: Source) -> list[str]:
    """A float never becomes a price, a size or a balance: neither a literal nor the result of a conversion."""
    calls = (node for node in source.nodes if isinstance(node, ast.Call) and _makes_money(node))
    return [
        source.at(call, f"{ast.unparse(call.func)} is given a float")
        for call in calls
        if _last_name(call.func) == "from_float" or any(_is_float(value) for value in _arguments(call))
    ]


def mode_is_known_to_wiring_only(source: Source) -> list[str]:
    """What behaves differently per mode is another object, chosen in the wiring; nothing below asks which it is.

    A keyword of a call is not ours to name, and prose is free: only names we define or read, and string keys, count.
    """
    if not source.path.startswith(TRADER) or source.path.startswith(KNOWS_THE_MODE):
        return []
    prose = _docstrings(source.tree)
    return [
        source.at(node, f"knows {word!r}")
        for node in source.nodes
        if node not in prose
        for word in _words_said(node)
        if _says_mode(word)
    ]


def public_names_are_explained(source: Source) -> list[str]:
    """Each module, and each public function and class in it, has a docstring."""
    if not source.path.startswith(TRADER):
        return []
    public = (
        node for node in source.tree.body if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    )
    missing = [] if ast.get_docstring(source.tree) else [f"{source.path}:1: the module has no docstring"]
    return missing + [
        source.at(node, f"{node.name} has no docstring") for node in public if not ast.get_docstring(node)
    ]


RULES: tuple[Rule, ...] = (
    modules_are_short,
    functions_are_short,
    modules_are_named_for_what_they_hold,
    broad_excepts_stand_at_the_edge,
    core_has_no_clock_and_no_chance,
    no_float_becomes_money,
    mode_is_known_to_wiring_only,
    public_names_are_explained,
)


def _first_handler(source: Source, path: str, name: str) -> ast.AST | None:
    """Find the handler of a function, or of a method that is named with its class."""
    owner, _, function = name.rpartition(".")
    classes = (node for node in source.tree.body if isinstance(node, ast.ClassDef) and node.name == owner)
    bodies = [node.body for node in classes] if owner else [source.tree.body]
    functions = (node for body in bodies for node in body if isinstance(node, Function) and node.name == function)
    handlers = (node for each in functions for node in ast.walk(each) if isinstance(node, ast.ExceptHandler))
    return next(handlers, None) if source.path == path else None


def _last_name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def _is_everything(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_everything(part) for part in kind.elts)
    return kind is None or _last_name(kind) in {"Exception", "BaseException"}


def _imported_names(source: Source) -> dict[str, str]:
    """Map each name that an import binds to the full name it stands for."""
    meaning = {}
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                meaning[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            meaning.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return meaning


def _resolved(node: ast.expr, meaning: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return meaning.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, meaning)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _is_clock_or_chance(dotted: str) -> bool:
    return dotted.startswith(tuple(name for name in CLOCK_OR_CHANCE if name.endswith("."))) or dotted in CLOCK_OR_CHANCE


def _makes_money(call: ast.Call) -> bool:
    """Decimal(...), Price(...), money.Price(...), and named constructors such as Price.of(...)."""
    names = [_last_name(call.func)]
    if isinstance(call.func, ast.Attribute):
        names.append(_last_name(call.func.value))
    return not MONEY.isdisjoint(names)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (keyword.value for keyword in call.keywords)


def _is_float(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=float()):
            return True
        case ast.Call(func=function):
            return _last_name(function) in {"float", "from_float"}
        case ast.UnaryOp(operand=operand):
            return _is_float(operand)
        case ast.BinOp(left=left, right=right):
            return _is_float(left) or _is_float(right)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_float(body) or _is_float(orelse)
    return False


def _docstrings(tree: ast.Module) -> frozenset[ast.AST]:
    """Every string that stands alone as a statement."""
    return frozenset(
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _words_said(node: ast.AST) -> list[str]:
    """The names that a node defines or reads, and a string if it has the shape of a key."""
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word):
            return [word]
        case ast.FunctionDef(name=word) | ast.AsyncFunctionDef(name=word) | ast.ClassDef(name=word):
            return [word]
        case ast.alias(name=word, asname=None):
            return [word]
        case ast.alias(name=word, asname=str(other)):
            return [word, other]
        case ast.Constant(value=str(word)) if re.fullmatch(r"[\w.\-]+", word):
            return [word]
    return []


def _says_mode(word: str) -> bool:
    """MODE, mode, app.mode, trading_mode and TradingMode do; model and modest do not."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", word)
    return any(part.lower() in {"mode", "modes"} for part in parts)
