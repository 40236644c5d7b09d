"""What is read of a document is what was written, also once it was kept as text; and other text is refused."""

from __future__ import annotations

import json

import pytest

from desk.backtest.figures.document import build_document
from desk.backtest.figures.told import read_figures
from factories_report import a_summary
from trader.errors import LedgerCorrupt
from trader.model.codec import canonical_json


def test_figures_are_those_that_were_written() -> None:
    """Money to the last digit, statistics to the twelfth; the order of the refusals too."""
    summary = a_summary()
    document = build_document(summary, 7)

    told = read_figures(document)

    assert told == read_figures(json.loads(canonical_json(document)))
    assert (summary.costs, summary.entries) == (told.costs, told.entries)
    assert list(summary.refusals.items()) == list(told.refusals.items())
    assert summary.refusals
    assert [each.lot for each in summary.round_trips if each.is_open] == [each.lot for each in told.open_lots]
    assert told.open_lots
    losses = summary.largest_days[1], summary.largest_trades[1], summary.largest_products[1]
    assert losses == (told.worst_day, told.worst_trade, told.worst_product)
    assert summary.performance.deepest is not None
    assert told.performance.deepest is not None
    assert pytest.approx(summary.performance.deepest.depth, rel=1e-11) == told.performance.deepest.depth
    assert summary.record.capital == told.run.capital


def test_document_that_lacks_a_figure_is_refused() -> None:
    """As what is kept and damaged is."""
    document = build_document(a_summary(), 7)
    del document["content"]["costs"]["fees"]

    with pytest.raises(LedgerCorrupt):
        read_figures(document)
