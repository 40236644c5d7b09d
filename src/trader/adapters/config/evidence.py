"""The evidence beside the configuration: ``evidence/<strategy>.json``, one file for each strategy that has any.

A file that cannot be used keeps its strategy from entering in LIVE, and nothing else from anything: what is held must
be sold whatever such a file says.
"""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from trader.adapters.config.validation import fit
from trader.model.ids import StrategyId
from trader.settings.evidence import NO_EVIDENCE, Evidence, StrategyEvidence

FOLDER = "evidence"
_SUFFIX = ".json"
#: A file of this size would hold thousands of rules.
_BYTES_MAX = 1_000_000


def read_evidence(directory: Path) -> Evidence:
    """Read every file of the folder ``evidence`` in a configuration; nothing where there is none."""
    folder = directory / FOLDER
    files = sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not files:
        return NO_EVIDENCE
    found: dict[StrategyId, StrategyEvidence] = {}
    faults: dict[StrategyId, str] = {}
    total = sha256()
    for file in files:
        strategy = StrategyId(file.name.removesuffix(_SUFFIX))
        content, fault = _read(file)
        total.update(f"{file.name} {sha256(content).hexdigest()}\n".encode())
        read = fault or _parse(content, strategy)
        if isinstance(read, str):
            faults[strategy] = read
        else:
            found[strategy] = read
    return Evidence(found, faults, total.hexdigest())


def _read(file: Path) -> tuple[bytes, str]:
    try:
        with file.open("rb") as stream:
            content = stream.read(_BYTES_MAX + 1)
    except OSError as error:
        return b"", f"cannot be read: {error.strerror}"
    return content, f"is larger than {_BYTES_MAX} bytes" if len(content) > _BYTES_MAX else ""


def _parse(content: bytes, strategy: StrategyId) -> StrategyEvidence | str:
    """Return what a file says, or the first thing that is wrong with it."""
    try:
        tree = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        return f"is no JSON: {error}"
    read, problems = fit(StrategyEvidence, tree)
    if problems:
        path, what = problems[0]
        return f"{path}: {what}" if path else what
    if read.strategy != strategy:
        return f"strategy: {read.strategy} is not what the file is named after; allowed is {strategy}"
    evidence: StrategyEvidence = read
    return evidence
