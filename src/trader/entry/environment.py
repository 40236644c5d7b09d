"""What the function is told by its environment, checked before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trader.errors import ConfigError

_REQUIRED = ("TRADER_CONFIG_DIR", "TRADER_TABLE", "TRADER_AUDIT_BUCKET", "TRADER_KILL_SWITCH")
_VENUE_URL = "https://api.coinbase.com"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where everything is. ``secret`` and ``key_parameter`` are empty where there is no key to read there."""

    config_dir: Path
    table: str
    audit_bucket: str
    kill_switch: str
    secret: str
    key_parameter: str
    live_confirmed: str
    venue_url: str

    @staticmethod
    def read(variables: Mapping[str, str]) -> Environment:
        """Read the variables. Raises: ConfigError naming every missing one."""
        missing = [name for name in _REQUIRED if not variables.get(name)]
        if missing:
            raise ConfigError(tuple(f"environment: {name}: not set" for name in missing))
        return Environment(
            config_dir=Path(variables["TRADER_CONFIG_DIR"]),
            table=variables["TRADER_TABLE"],
            audit_bucket=variables["TRADER_AUDIT_BUCKET"],
            kill_switch=variables["TRADER_KILL_SWITCH"],
            secret=variables.get("TRADER_SECRET", ""),
            key_parameter=variables.get("TRADER_KEY_PARAMETER", ""),
            live_confirmed=variables.get("TRADER_LIVE_CONFIRMED", ""),
            venue_url=variables.get("TRADER_VENUE_URL") or _VENUE_URL,
        )
