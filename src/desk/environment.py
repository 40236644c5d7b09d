"""Every environment variable that anything here reads, for the table in docs/environment.md."""

from __future__ import annotations

from typing import NamedTuple


class Variable(NamedTuple):
    """A variable: who reads it, whether the stack sets it, and what it says."""

    name: str
    read_by: str
    by_stack: bool
    meaning: str


_FUNCTION, _COMMANDS, _BOTH = "the function", "commands", "both"

VARIABLES: tuple[Variable, ...] = (
    Variable("TRADER_CONFIG_DIR", _BOTH, True, "folder of the three YAML files; `config` without it"),
    Variable("TRADER_MODE", _BOTH, True, "`DRY_RUN`, `PAPER` or `LIVE` in place of `app.mode`; `--mode` counts more"),
    Variable("TRADER_LOG_LEVEL", _FUNCTION, True, "`DEBUG`, `INFO` (without it), `WARNING`, `ERROR`, `CRITICAL`"),
    Variable(
        "TRADER_LIVE_CONFIRMED",
        _BOTH,
        True,
        "`yes` lets LIVE trade, if the configuration does; the parameter `LiveTradingConfirmed` of a stack",
    ),
    Variable("TRADER_VENUE_URL", _BOTH, True, "address of the venue; `https://api.coinbase.com` without it"),
    Variable("TRADER_TABLE", _BOTH, True, "the table of ledger, fills and commands"),
    Variable("TRADER_AUDIT_BUCKET", _BOTH, True, "the bucket of the audit"),
    Variable("TRADER_KILL_SWITCH", _BOTH, True, "the parameter that is the kill switch"),
    Variable("TRADER_SECRET", _BOTH, True, "the secret that holds the API key; LIVE only"),
    Variable("TRADER_KEY_PARAMETER", _BOTH, True, "the parameter that holds it instead (`KeyStore=PARAMETER_STORE`)"),
    Variable("TRADER_EVENT_BUS", "the publisher", True, "the bus on which the audit's lines come out as events"),
    Variable("TRADER_COMMAND_BUS", _COMMANDS, False, "the bus that takes the commands of a stack"),
    Variable("TRADER_ANCHORS", _COMMANDS, False, "the log in which each day of the audit was written down"),
    Variable(
        "TRADER_HOME",
        _COMMANDS,
        False,
        "folder below which each market, run and venue has its own; `.trader` without it. `trader use` remembers there",
    ),
    Variable("COINBASE_API_KEY", _COMMANDS, False, "name of the API key, on a laptop in LIVE"),
    Variable("COINBASE_API_SECRET", _COMMANDS, False, "the API key itself; never shown, logged or stored"),
    Variable("POWERTOOLS_SERVICE_NAME", _FUNCTION, True, "the stack's name, the one dimension of every metric"),
    Variable("POWERTOOLS_METRICS_NAMESPACE", _FUNCTION, True, "`Trader`, the namespace of every metric"),
    Variable("AWS_DEFAULT_REGION", _BOTH, True, "region of the stack; `AWS_REGION`, where set, must say the same"),
    Variable("AWS_REGION", _BOTH, True, "the same, as Lambda says it"),
    Variable("AWS_PROFILE", _COMMANDS, False, "profile of AWS's configuration that commands use"),
    Variable("AWS_ENDPOINT_URL", _COMMANDS, False, "where AWS is; the sandbox sets it"),
    Variable("PYTHON313", "make", False, "a Python 3.13 that compiles what `make build` packs"),
    Variable("TRADER_E2E", "make", False, "`sam` or `process`: how `make e2e` invokes; either without it"),
    Variable("HYPOTHESIS_PROFILE", "make", False, "`nightly` tries many more examples"),
)
