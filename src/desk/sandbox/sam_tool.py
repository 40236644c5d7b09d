"""Where SAM is: a tool with an environment of its own, beside the project's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from trader.errors import ConfigError

# Where `make` puts it, then where a machine may keep it for several checkouts.
_USUAL = (Path(__file__).parents[3] / ".locker/sam/bin/sam", Path.home() / ".cache/trader-tools/sam/bin/sam")

#: Where an error begins to say what it is.
_ERROR = re.compile(r"[\w.]*(?:Error|Exception)\b")


def find_sam() -> Path | None:
    """Find the command: the variable SAM, the usual places, then the path; None if it is nowhere."""
    if named := os.environ.get("SAM"):
        return Path(named)
    on_path = shutil.which("sam")
    return next((each for each in _USUAL if each.is_file()), Path(on_path) if on_path else None)


def translate_template(template: Path, artefact: str, region: str) -> dict[str, Any]:
    """Translate a SAM template to CloudFormation. Raises: ConfigError if there is no SAM, or if it refuses."""
    sam = find_sam()
    if sam is None:
        raise ConfigError("sandbox: no sam found (SAM, .locker/sam, PATH); its translator reads template.yaml")
    script = Path(__file__).with_name("sam_transform.py")
    done = subprocess.run(  # noqa: S603 - SAM's own interpreter and our own script
        [_interpreter(sam), str(script), artefact, region],
        input=template.read_text(encoding="utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"sandbox: {template} cannot be translated: {_find_reason(done.stderr)}")
    return dict(json.loads(done.stdout))


def _interpreter(sam: Path) -> str:
    first = sam.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#!").strip()


def _find_reason(said: str) -> str:
    """Return what a traceback ends with, in one line."""
    lines = said.strip().splitlines()
    last = max((number for number, line in enumerate(lines) if _ERROR.match(line)), default=0)
    return " ".join(" ".join(lines[last:]).split())[-500:]
