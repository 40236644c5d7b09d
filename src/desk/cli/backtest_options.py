"""How the words of ``trader backtest`` are read, each with one line that says what is allowed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from trader.errors import ConfigError
from trader.model.market import FeeRates
from trader.settings import Settings

#: Finer than any venue's is a typing error, and would be written out in full wherever a fee is.
_FEE_MAX, _FEE_STEP = Decimal("0.05"), Decimal("1e-9")
_ACCOUNT = "account"


def read_fees(text: str | None, settings: Settings) -> FeeRates | None:
    """Read the fee rates of makers and takers, as ratios. Raises: ConfigError.

    One number stands for both. The account's are those that the configuration assumes of it.
    """
    if text is None:
        return None
    if text == _ACCOUNT:
        return FeeRates(settings.exchange.assumed_maker_fee_ratio, settings.exchange.assumed_taker_fee_ratio)
    parts = text.split(",")
    try:
        rates = [Decimal(each.strip()) for each in parts]
        is_sound = len(rates) <= 2 and all(0 <= each <= _FEE_MAX and each % _FEE_STEP == 0 for each in rates)
    except InvalidOperation:
        is_sound = False
    if not is_sound:
        told = (
            "a maker's and a taker's rate from 0 to 0.05 with up to nine decimals, as 0.004,0.006, or the word account"
        )
        raise ConfigError(f"--fee: {text!r:.80}; allowed are {told}")
    return FeeRates(rates[0], rates[-1])
