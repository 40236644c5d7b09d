"""The import rules of the design hold, and each of them is shown to break on one wrong line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.tree import ROOT

# The smallest tree with every kind of module in it, and the imports that are allowed between them.
ALLOWED = {
    "desk/cli.py": "from trader.entry import wiring",
    "desk/sandbox/orders.py": "",
    "desk/sandbox/venue.py": "from desk.sandbox import orders",
    "trader/adapters/local.py": "import os\nfrom trader import ports",
    "trader/cycle.py": "from trader import ports\nfrom trader.stages import pipeline",
    "trader/entry/events.py": "from trader.model import money",
    "trader/entry/wiring.py": "from trader import cycle\nfrom trader.adapters import local\n"
    "from trader.entry import events\nimport logging",
    "trader/errors.py": "",
    "trader/model/money.py": "from decimal import Decimal\nfrom trader import errors",
    "trader/ports.py": "from trader.model import money",
    "trader/sim/fills.py": "from trader import ports\nfrom trader.stages import reconcile",
    "trader/indicators.py": "from trader.settings import policy",
    "trader/settings/policy.py": "from trader.model import money",
    "trader/stages/pipeline.py": "from trader import indicators\nfrom trader.stages import risk\n"
    "from trader.strategies import base",
    "trader/stages/reconcile.py": "from trader.model import money",
    "trader/stages/risk/manager.py": "from trader.model import money",
    "trader/strategies/base.py": "from trader import indicators\nfrom trader.settings import policy",
}

# One module of each part of the core, and everything that none of them may reach.
CORE = [
    "trader/cycle.py",
    "trader/errors.py",
    "trader/indicators.py",
    "trader/model/money.py",
    "trader/ports.py",
    "trader/settings/policy.py",
    "trader/sim/fills.py",
    "trader/stages/risk/manager.py",
    "trader/strategies/base.py",
]
OUTSIDE = [
    "aws_lambda_powertools",
    "boto3",
    "botocore.exceptions",
    "logging",
    "numpy",
    "os",
    "pydantic",
    "pydantic_core",
    "random",
    "requests",
    "socket",
    "time",
    "yaml",
]

# Contract, file, the line that breaks it.
WRONG = [
    ("desk", "trader/errors.py", "import desk.cli"),
    ("layers", "trader/adapters/local.py", "from trader import cycle"),
    ("layers", "trader/sim/fills.py", "from trader.adapters import local"),
    ("layers", "trader/cycle.py", "from trader.sim import fills"),
    ("layers", "trader/stages/risk/manager.py", "from trader import cycle"),
    ("layers", "trader/strategies/base.py", "from trader.stages import risk"),
    ("layers", "trader/indicators.py", "from trader.strategies import base"),
    ("layers", "trader/settings/policy.py", "from trader import indicators"),
    ("layers", "trader/model/money.py", "from trader.settings import policy"),
    ("layers", "trader/model/money.py", "from trader.stages import risk"),
    ("layers", "trader/errors.py", "from trader.model import money"),
    ("layers", "trader/orphan.py", ""),
    ("ports", "trader/ports.py", "from trader.adapters import local"),
    ("ports", "trader/model/money.py", "from trader import ports"),
    ("pure", "trader/stages/risk/manager.py", "from trader import ports"),
    ("pure", "trader/strategies/base.py", "from trader import ports"),
    ("pure", "trader/indicators.py", "from trader import ports"),
    ("pure", "trader/settings/policy.py", "from trader import ports"),
    ("thin-ports", "trader/ports.py", "from trader.stages import risk"),
    ("thin-ports", "trader/ports.py", "from trader.settings import policy"),
    ("stages", "trader/stages/risk/manager.py", "from trader.stages import reconcile"),
    ("stages", "trader/stages/risk/manager.py", "from trader.stages import pipeline"),
    ("stages", "trader/stages/orphan.py", ""),
    ("sandbox", "desk/sandbox/orders.py", "from desk.sandbox import venue"),
    *(("core", name, "import time") for name in CORE),
    *(("core", "trader/model/money.py", f"import {name}") for name in OUTSIDE),
    ("core", "trader/sim/fills.py", "from random import Random"),
    ("core", "trader/stages/risk/manager.py", "import os.path"),
]


def lint(root: Path, *contracts: str) -> tuple[int, str]:
    """The exit code of import-linter on the tree below *root*, and what it printed."""
    chosen = [argument for contract in contracts for argument in ("--contract", contract)]
    outcome = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache", *chosen],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    return outcome.returncode, outcome.stdout + outcome.stderr


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write *files* as packages below root/src, with the project's own contracts beside them."""
    shutil.copy(ROOT / "pyproject.toml", root)
    for name, text in files.items():
        path = root / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(root / "src").parents[:-1]:
            (root / "src" / folder / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return root


def test_project_keeps_every_import_rule() -> None:
    """No arrow of the map points left."""
    code, printed = lint(ROOT)

    assert code == 0, printed
    assert "0 broken" in printed


def test_allowed_imports_keep_every_rule(tmp_path: Path) -> None:
    """The rules forbid no import that the map allows."""
    code, printed = lint(plant(tmp_path, ALLOWED))

    assert code == 0, printed


@pytest.mark.parametrize(("contract", "name", "line"), WRONG)
def test_wrong_import_breaks_its_rule(tmp_path: Path, contract: str, name: str, line: str) -> None:
    """One line in one file, and the contract that guards against it is broken, not merely misconfigured."""
    files = ALLOWED | {name: f"{ALLOWED.get(name, '')}\n{line}\n"}

    code, printed = lint(plant(tmp_path, files), contract)

    assert code == 1, printed
    assert "0 kept, 1 broken" in printed
