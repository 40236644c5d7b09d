"""The proofs, by section of the configuration: what each key decides."""

from unit.config_keys import Row
from unit.key_rows import app, conditions, execution, risk, simulation, strategies, triggers, universe

SECTIONS = (app, simulation, universe, conditions, triggers, strategies, risk, execution)

#: Key path or pattern → row.
ROWS: dict[str, Row] = {key: row for section in SECTIONS for key, row in section.ROWS.items()}
