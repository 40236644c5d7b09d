"""The byte-code of the function behaves like its sources, class by class, though `dataclasses` did not write it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from architecture.tree import ROOT

SPELL_OUT = ROOT / "layers/spell_out.py"

# Runs where it is told to find `trader`: describes every dataclass by what it has and by what its instances do.
DESCRIBE = """
import copy, dataclasses, importlib, inspect, json, pickle, pkgutil, re, sys
import trader

def told(value):
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))

def outcome(act):
    try:
        return told(act())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def described(kind):
    names = [each.name for each in dataclasses.fields(kind)]
    parameters = list(inspect.signature(kind).parameters.values())
    about = {
        "fields": [told((each.name, each.type, each.default, each.default_factory, each.repr, each.hash, each.compare))
                   for each in dataclasses.fields(kind)],
        "parameters": [(each.name, str(each.kind), each.default is each.empty) for each in parameters],
        "slots": getattr(kind, "__slots__", None),
        "match_args": kind.__match_args__,
        "frozen": kind.__dataclass_params__.frozen,
        "doc": kind.__doc__,
        "needed only": outcome(lambda: kind(*(1 for each in parameters if each.default is each.empty))),
        "too few": outcome(lambda: kind(*range(sum(each.default is each.empty for each in parameters) - 1))),
    }
    try:
        one, same, other = kind(*names), kind(**dict(zip(names, names))), kind(*names[1:], "other")
    except Exception as error:
        return {**about, "refused": f"{type(error).__name__}: {error}"}
    first = (*names, "stranger")[0]
    about |= {
        "repr": told(one),
        "hash": outcome(lambda: (hash(one) == hash(same), hash(one) == hash(other))),
        "equal": (one == one, one == same, one == other, one == object(), one != other),
        "replaced": outcome(lambda: dataclasses.replace(one, **{first: "new"})),
        "copied": outcome(lambda: (copy.copy(one) == one, copy.copy(one) is one)),
        "set": outcome(lambda: setattr(same, first, "new")),
        "deleted": outcome(lambda: delattr(same, first)),
        "added": outcome(lambda: setattr(other, "stranger", 1)),
        "pickled": outcome(lambda: pickle.loads(pickle.dumps(one)) == one),
    }
    made_anew = [each.name for each in dataclasses.fields(kind) if each.default_factory is not dataclasses.MISSING]
    if made_anew:
        needed = [1 for each in parameters if each.default is each.empty]
        one, other = kind(*needed), kind(*needed)
        about["shared"] = [getattr(one, name) is getattr(other, name) for name in made_anew]
    return about

kinds = {}
for module in pkgutil.walk_packages(trader.__path__, "trader."):
    for name, kind in vars(importlib.import_module(module.name)).items():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind.__module__ == module.name:
            kinds[f"{module.name}.{name}"] = kind
found = {name: described(kind) for name, kind in kinds.items()}
left = [name for name, kind in kinds.items() if kind.__dataclass_params__.frozen and kind.__dataclass_params__.init]
print(json.dumps({"home": trader.__path__[0], "found": found, "left": left}))
"""

# Everything that dataclasses can do and spelling out cannot, and the least and the most of what it can.
ODD = '''
from __future__ import annotations
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import ClassVar

@dataclass(frozen=True, slots=True)
class Known:
    """Known."""
    a: int
    b: list[int] = field(default_factory=lambda: [1])
    c: str = field(default_factory=str, repr=False)
    d: object = None

@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing."""

@dataclass(frozen=True, repr=False)
class Own:
    """Own."""
    a: int = 1
    def __post_init__(self):
        if self.a < 0:
            raise ValueError(self.a)
    def __repr__(self):
        return "own"
    def __eq__(self, other):
        return True
    def __hash__(self):
        return 1

@dataclass
class Open:
    """Open."""
    a: int

@dataclass(frozen=True, order=True)
class Ordered:
    """Ordered."""
    a: int

@dataclass(frozen=True)
class Child(Ordered):
    """Child."""
    b: int = 2

@dataclass(frozen=True)
class Shared:
    """Shared."""
    all: ClassVar[int] = 1
    a: int = 1

@dataclass(frozen=True)
class Given:
    """Given."""
    a: InitVar[int] = 1

@dataclass(frozen=True)
class Named:
    """Named."""
    _: KW_ONLY
    a: int = 1

@dataclass(frozen=True)
class Compared:
    """Compared."""
    a: int = field(default=1, compare=False)

@dataclass(frozen=True)
class Undocumented:
    a: int = 1
'''


def described(home: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(home)}
    command = [sys.executable, "-B", "-c", DESCRIBE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert str(home / "trader") == told["home"]
    return told


def spelled_out(home: Path, tool: Path = SPELL_OUT) -> Path:
    """Compile with the Python that runs the tests, and leave nothing but the byte-code."""
    subprocess.run([sys.executable, tool, home, "/var/task"], check=True)
    for file in home.rglob("*.py"):
        file.unlink()
    return home


def odd_twins(folder: Path, tool: Path = SPELL_OUT) -> tuple[dict[str, Any], dict[str, Any]]:
    for name in ("plain", "spelled"):
        (folder / name / "trader").mkdir(parents=True)
        (folder / name / "trader/__init__.py").touch()
        (folder / name / "trader/odd.py").write_text(ODD, encoding="utf-8")
    return described(folder / "plain"), described(spelled_out(folder / "spelled", tool))


def test_every_class_of_the_function_is_like_its_twin(tmp_path: Path) -> None:
    """Fields, signature, text, hash, equality, refusals and copies are the same; and no frozen class was left out."""
    shutil.copytree(ROOT / "src/trader", tmp_path / "trader", ignore=shutil.ignore_patterns("__pycache__"))

    plain, spelled = described(ROOT / "src"), described(spelled_out(tmp_path))

    assert len(plain["left"]) > 100
    assert plain["found"] == spelled["found"]
    assert [] == spelled["left"]


def test_class_in_an_unknown_form_is_left_alone(tmp_path: Path) -> None:
    """A form that nobody has thought of yet must not change what a class does."""
    plain, spelled = odd_twins(tmp_path)

    left = {name.rpartition(".")[2] for name in spelled["left"]}
    assert plain["found"] == spelled["found"]
    assert {"Ordered", "Child", "Shared", "Given", "Named", "Compared", "Undocumented"} == left


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.{each.name} == other", "self.{each.name} != other"),
        ("return hash((", "return id(("),
        ("if {each.name} is ... else", "if True else"),
        ("if each.shown", "if True"),
        ("self.__post_init__()", "pass"),
        ("object.__setattr__(copy, {each.name!r}, self.{each.name})", "object.__setattr__(copy, {each.name!r}, 1)"),
    ],
)
def test_method_spelled_out_wrongly_is_noticed(tmp_path: Path, right: str, wrong: str) -> None:
    """The comparison is not blind."""
    text = SPELL_OUT.read_text(encoding="utf-8")
    tool = tmp_path / "wrong.py"
    tool.write_text(text.replace(right, wrong), encoding="utf-8")

    plain, spelled = odd_twins(tmp_path, tool)

    assert right in text
    assert plain["found"] != spelled["found"]
