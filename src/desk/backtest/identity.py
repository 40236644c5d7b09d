"""Which backtest it is: the code, the configuration, the candles and the instants that its result follows from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from trader import __version__
from trader.model.codec import canonical_json, digest_of, encode
from trader.model.ids import rfc3339

if TYPE_CHECKING:
    from desk.backtest.request import BacktestRequest
    from desk.backtest.run import Backtest
    from desk.backtest.world import Recorded

_NAME_DIGITS = 12
_ROOT, _PARTS = Path(__file__).parents[2], ("trader", "desk/backtest", "desk/markets")
_SHOWN = Path(__file__).parent / "report"
#: What is asked of a run beside its code, its settings and its candles.
Asked = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BacktestIdentity:
    """Four digests and one name for all of them: the same name is the same result, to the byte.

    ``data`` has one digest for each series. The engine is in none of them: both give the same.
    """

    code: str
    config: str
    data: Mapping[str, str]
    asked: Asked

    @property
    def name(self) -> str:
        """Twelve hexadecimal digits."""
        return name_identity(self)


def name_identity(identity: object) -> str:
    """Name a backtest by its identity, also by one that was read from its page. Raises: what no JSON can hold."""
    return digest_of(identity)[:_NAME_DIGITS]


def identify_backtest(backtest: Backtest, request: BacktestRequest) -> BacktestIdentity:
    """Name a backtest that was prepared for a request."""
    settings, schedule = backtest.recorded.settings, backtest.schedule
    asked = {
        "from": rfc3339(schedule.ticks[0]),
        "to": rfc3339(schedule.ticks[-1]),
        "period_seconds": settings.cycle.period_seconds,
        "watches": bool(schedule.watches),
        "fills": [each.value for each in request.models or (settings.simulation.fills,)],
        "seed": request.seed,
    }
    if settings.evidence.digest:
        asked["evidence"] = settings.evidence.digest
    return BacktestIdentity(compute_code_digest(), settings.digest, _digest_data(backtest.recorded), asked)


@cache
def compute_code_digest() -> str:
    """SHA-256 of every source that a result can depend on: the trader, and the desk's backtest and markets."""
    total = hashlib.sha256(__version__.encode())
    for file in list_sources():
        total.update(file.relative_to(_ROOT).as_posix().encode())
        total.update(file.read_bytes())
    return total.hexdigest()


def list_sources() -> list[Path]:
    """List the sources that a result can depend on. How it is shown is none of them."""
    files = [file for part in _PARTS for file in sorted((_ROOT / part).rglob("*.py"))]
    return [file for file in files if _SHOWN not in file.parents]


def _digest_data(recorded: Recorded) -> dict[str, str]:
    """SHA-256 of each series, and of what is known of the products."""
    found = {"products": hashlib.sha256(canonical_json(encode(tuple(recorded.products))).encode()).hexdigest()}
    for (product_id, granularity), series in sorted(recorded.series.items()):
        columns, total = series.columns, hashlib.sha256()
        for name in ("start", "open", "high", "low", "close", "volume"):
            total.update(getattr(columns, name).tobytes())
        found[f"{product_id} {granularity.value}"] = total.hexdigest()
    return found
