"""Each rule of rules.py shown at work: it finds what it forbids and lets pass what it allows."""

from textwrap import indent

import pytest

from architecture import rules
from architecture.rules import Rule, Source
from architecture.tree import ROOT

MONEY = "src/trader/model/money.py"


def found(rule: Rule, text: str, path: str = MONEY) -> list[str]:
    """The findings of a rule on a file of this text."""
    return rule(Source(path, text))


def a_function(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


def test_long_module_is_found() -> None:
    """The limit is the last length allowed."""
    assert found(rules.modules_are_short, "x = 1\n" * 300) == []
    assert found(rules.modules_are_short, "x = 1\n" * 301) == [f"{MONEY}: 301 lines > 300"]


def test_long_function_is_found() -> None:
    """The limit is the last length allowed, and a method counts as a function."""
    method = "class A:\n" + "".join(f"    {line}\n" for line in a_function(61).splitlines())

    assert found(rules.functions_are_short, a_function(60)) == []
    assert found(rules.functions_are_short, a_function(61)) == [f"{MONEY}:1: long has 61 lines > 60"]
    assert found(rules.functions_are_short, method) == [f"{MONEY}:2: long has 61 lines > 60"]


@pytest.mark.parametrize(
    "path",
    ["src/trader/utils.py", "src/desk/common/money.py", "src/trader/sim/helpers.py", "src/desk/manager_of_managers.py"],
)
def test_vague_name_is_found(path: str) -> None:
    """A drawer for leftovers is found as a module and as a package."""
    assert len(found(rules.modules_are_named_for_what_they_hold, "", path)) == 1


def test_name_that_only_contains_a_vague_word_passes() -> None:
    """A name is judged whole: commonality is not common."""
    assert found(rules.modules_are_named_for_what_they_hold, "", "src/trader/model/commonality.py") == []


BROAD = [
    "try:\n    pass\nexcept Exception:\n    pass\n",
    "try:\n    pass\nexcept BaseException as error:\n    pass\n",
    "try:\n    pass\nexcept:\n    pass\n",
    "try:\n    pass\nexcept (ValueError, Exception):\n    pass\n",
    "try:\n    pass\nexcept builtins.Exception:\n    pass\n",
    "with contextlib.suppress(Exception):\n    pass\n",
]


@pytest.mark.parametrize("text", BROAD)
def test_broad_except_is_found(text: str) -> None:
    """However it is spelt."""
    assert len(found(rules.broad_excepts_stand_at_the_edge, text)) == 1


@pytest.mark.parametrize("path", ["src/trader/entry/lambda_handler.py", "src/desk/cli/cycle.py"])
@pytest.mark.parametrize("text", BROAD)
def test_broad_except_passes_at_the_edge(text: str, path: str) -> None:
    """Entry points and commands may catch everything."""
    assert found(rules.broad_excepts_stand_at_the_edge, text, path) == []


PLACE, FUNCTION = rules.CONTAINS_STRATEGIES
CONTAINED = f"def {FUNCTION}():\n    try:\n        pass\n    except Exception:\n        pass\n"


def test_broad_except_passes_around_a_strategy() -> None:
    """In one function of one file, which has to be there."""
    assert found(rules.broad_excepts_stand_at_the_edge, CONTAINED, PLACE) == []
    assert f"def {FUNCTION}(" in (ROOT / PLACE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (CONTAINED, "src/trader/stages/proposals/checks.py"),
        (CONTAINED, "src/trader/strategies/base.py"),
        (CONTAINED.replace(FUNCTION, "ask_strategies"), PLACE),
        (CONTAINED + CONTAINED.replace(FUNCTION, "_read"), PLACE),
        (CONTAINED + "    try:\n        pass\n    except Exception:\n        pass\n", PLACE),
        ("class One:\n" + indent(CONTAINED, "    "), PLACE),
    ],
)
def test_broad_except_passes_nowhere_else(text: str, path: str) -> None:
    """Not in another file or function, and not a second time in the same one."""
    assert len(found(rules.broad_excepts_stand_at_the_edge, text, path)) == 1


def test_narrow_except_passes() -> None:
    """An error named by its class passes anywhere."""
    text = "try:\n    pass\nexcept (KeyError, ValueError):\n    pass\n"

    assert found(rules.broad_excepts_stand_at_the_edge, text) == []


CLOCKS = [
    "from datetime import datetime\nx = datetime.now(tz=None)\n",
    "import datetime as dt\nx = dt.datetime.utcnow()\n",
    "from datetime import date\nx = date.today()\n",
    "import time\nx = time.time()\n",
    "from time import monotonic as tick\nx = tick()\n",
    "import random\nx = random.Random(1)\n",
    "from random import choice\nx = choice\n",
    "import uuid\nx = field(default_factory=uuid.uuid4)\n",
    "from uuid import uuid4\nx = uuid4()\n",
    "import os\nx = os.urandom(8)\n",
    "from secrets import token_hex\nx = token_hex()\n",
]


@pytest.mark.parametrize("text", CLOCKS)
@pytest.mark.parametrize("path", [MONEY, "src/trader/cycle/run.py", "src/trader/sim/fills.py"])
def test_clock_and_chance_are_found_in_the_core(text: str, path: str) -> None:
    """Called or only passed on, under any name it was imported as."""
    assert len(found(rules.core_has_no_clock_and_no_chance, text, path)) == 1


@pytest.mark.parametrize("text", CLOCKS)
def test_clock_and_chance_pass_outside_the_core(text: str) -> None:
    """Somebody has to read the clock."""
    assert found(rules.core_has_no_clock_and_no_chance, text, "src/trader/adapters/local.py") == []


@pytest.mark.parametrize(
    "text",
    [
        "now = ports.clock.now()\n",
        "from datetime import datetime\nx = datetime.fromisoformat(text)\n",
        "import uuid\nx = uuid.uuid5(space, name)\n",
        "from datetime import time\nx = time(12)\n",
    ],
)
def test_given_time_passes_in_the_core(text: str) -> None:
    """A clock that was handed in, and values that are computed, are no clock and no chance."""
    assert found(rules.core_has_no_clock_and_no_chance, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = Decimal(0.1)\n",
        "x = decimal.Decimal(-0.1)\n",
        "x = Price(float(text))\n",
        "x = Quantity(value=1e-8)\n",
        "x = Notional.of(2 * 0.5)\n",
        "x = Price(0.1 if cheap else one)\n",
        "x = Decimal.from_float(ratio)\n",
        "x = Notional(from_float(ratio))\n",
        "x = Price(-money.from_float(ratio))\n",
    ],
)
def test_money_made_from_a_float_is_found(text: str) -> None:
    """Whatever the unit, the constructor and the sign."""
    assert len(found(rules.no_float_becomes_money, text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        'x = Decimal("0.1")\n',
        'x = Price(Decimal("1e-8"))\n',
        "x = Quantity(2)\n",
        "x = Ratio(0.5)\n",
        "x = money.from_float(ratio)\n",
    ],
)
def test_exact_money_passes(text: str) -> None:
    """Strings and integers are exact, and a statistic may be a float."""
    assert found(rules.no_float_becomes_money, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "mode = 1\n",
        "class TradingMode: ...\n",
        "def f(trading_mode): ...\n",
        "def is_paper_mode(): ...\n",
        "x = settings.mode\n",
        "from trader.settings import Mode\n",
        'x = config["mode"]\n',
        'x = "app.mode"\n',
        'x = "MODE"\n',
    ],
)
def test_mode_is_found_below_the_wiring(text: str) -> None:
    """As a name, an attribute, an import or a key."""
    assert len(found(rules.mode_is_known_to_wiring_only, text, "src/trader/stages/risk/manager.py")) == 1


@pytest.mark.parametrize(
    "text",
    [
        '"""Works alike in every mode."""\n',
        "x = adapter.dump_python(value, mode=JSON)\n",
        "import trader.model.money\n",
        'x = "no mode is read here"\n',
        "model = modest = 1\n",
    ],
)
def test_prose_and_foreign_keywords_may_say_mode(text: str) -> None:
    """Explaining is free, and the keywords of a library are not ours to name."""
    assert found(rules.mode_is_known_to_wiring_only, text, "src/trader/stages/risk/manager.py") == []


@pytest.mark.parametrize(
    "path",
    [
        "src/trader/entry/wiring.py",
        "src/trader/settings/app.py",
        "src/trader/adapters/config/files.py",
        "src/desk/cli/cycle.py",
    ],
)
def test_mode_passes_where_it_is_read(path: str) -> None:
    """It is declared, read from the file and acted upon in three places."""
    assert found(rules.mode_is_known_to_wiring_only, "mode = 1\n", path) == []


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("", 1),
        ('"""Money."""\n', 0),
        ('"""Money."""\ndef add(): ...\n', 1),
        ('"""Money."""\nclass Price: ...\n', 1),
        ('"""Money."""\ndef _add(): ...\nclass _Price: ...\n', 0),
        ('"""Money."""\nclass Price:\n    """One."""\n    def add(self): ...\n', 0),
    ],
)
def test_missing_docstring_is_found(text: str, findings: int) -> None:
    """Modules, functions and classes need one; private names and methods do not."""
    assert len(found(rules.public_names_are_explained, text)) == findings


def test_every_rule_passes_on_a_file_it_does_not_apply_to() -> None:
    """No rule stumbles over an empty file outside the trading package."""
    assert [rule(Source("src/desk/__init__.py", "")) for rule in rules.RULES] == [[] for _ in rules.RULES]
