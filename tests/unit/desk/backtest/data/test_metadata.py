"""Metadata beside the candles, and what stands for them where there are none."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.data.metadata import RecordedProduct, find_product, format_metadata, name_metadata, read_metadata
from factories_venue import a_product
from trader.errors import ConfigError, DataError
from trader.model.ids import Instant, ProductId
from trader.model.money import Notional, Price
from unit.desk.backtest.data.candles_on_disk import BTC, ETH, a_row, put

READ_AT = Instant(1_795_348_800)


def record(folder: Path, product_id: ProductId = BTC, **changes: object) -> RecordedProduct:
    recorded = RecordedProduct(a_product(product_id, **changes), READ_AT)
    name_metadata(folder, product_id).write_bytes(format_metadata(recorded))
    return recorded


def test_metadata_are_read_as_they_were_recorded(tmp_path: Path) -> None:
    """Every field, and when it was; a person can read the file."""
    recorded = record(tmp_path, listed_at=Instant(1_672_531_200), price=Price("1.10"))

    assert recorded == read_metadata(tmp_path, BTC)
    told = json.loads((tmp_path / "BTC-USD.product.json").read_text())
    assert "2026-11-22T12:00:00Z" == told["read_at"]
    assert "0.01" == told["product"]["price_increment"]


def test_product_without_metadata_is_made_of_its_candles(tmp_path: Path) -> None:
    """Of the finest there are, by the prices of the newest; and it says that nobody read it."""
    put(tmp_path, "BTC-USD-1h.csv", a_row(0))
    put(tmp_path, "BTC-USD-5m.csv", a_row(0, 11.125), a_row(300, 11.25))
    source = CandleFolderSource(tmp_path)

    made = find_product(source, BTC, tmp_path)

    assert read_metadata(tmp_path, BTC) is None
    assert (None, Decimal("0.001")) == (made.read_at, made.product.price_increment)
    assert made == find_product(source, BTC)


def test_metadata_come_before_what_candles_show(tmp_path: Path) -> None:
    """They are the venue's word."""
    put(tmp_path, "BTC-USD-1h.csv", a_row(0))

    assert record(tmp_path) == find_product(CandleFolderSource(tmp_path), BTC, tmp_path)


def test_product_of_which_nothing_is_known_is_refused(tmp_path: Path) -> None:
    """Neither metadata nor candles."""
    with pytest.raises(ConfigError, match="ETH-USD"):
        find_product(CandleFolderSource(tmp_path), ETH, tmp_path)


def test_flags_and_figures_of_today_are_not_those_of_then(tmp_path: Path) -> None:
    """A product that is delisted today traded while it had candles, at other volumes."""
    recorded = record(
        tmp_path, status="delisted", trading_disabled=True, volume_24h=Notional(5), price=Price(7), view_only=True
    )

    assert a_product(BTC) == recorded.as_traded()
    assert () == recorded.as_traded().trading_restrictions


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.pop("read_at"),
        lambda told: told["product"].pop("base_increment"),
        lambda told: told["product"].update(base_increment="many"),
        lambda told: told["product"].update(product_id="ETH-USD"),
        lambda told: told.update(read_at="yesterday"),
    ],
)
def test_damaged_metadata_are_named(tmp_path: Path, change: object) -> None:
    """Rather than passed over."""
    record(tmp_path)
    file = tmp_path / "BTC-USD.product.json"
    told = json.loads(file.read_text())
    change(told)  # type: ignore[operator]
    file.write_text(json.dumps(told))

    with pytest.raises(DataError, match=r"BTC-USD\.product\.json"):
        read_metadata(tmp_path, BTC)
