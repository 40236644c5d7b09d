"""Which quotes of what is held may be believed. No other price sells a lot, writes it off or marks it.

One stub bid far below the ask, or a quote of yesterday, is no price: the order at the venue protects meanwhile, and the
next look decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trader.model.ids import Instant, ProductId
from trader.model.inputs import BelievedQuotes
from trader.model.ledger import Ledger
from trader.model.market import Quote
from trader.settings.policy import ExitsSettings
from trader.settings.universe import UniverseSettings
from trader.stages.universe.checks import NOT_READ, Refusal, check_quote


def believe_quotes(
    ledger: Ledger,
    quotes: Mapping[ProductId, Quote],
    causes: Mapping[ProductId, str],
    now: Instant,
    universe: UniverseSettings,
    exits: ExitsSettings,
) -> BelievedQuotes:
    """Part the quotes of the products that lots are held on into those to believe and those not to.

    Refused are those that the universe would refuse, with the room of ``exits.spread_multiple_max`` for the spread:
    QUOTE_MISSING, QUOTE_STALE, QUOTE_CROSSED, SPREAD_EXCEEDS_MAX. *causes* says why one is missing.
    """
    believed: dict[ProductId, Quote] = {}
    refusals: dict[ProductId, Refusal] = {}
    for product_id, base in sorted({(lot.product_id, lot.base) for lot in ledger.lots.values()}):
        quote, tier = quotes.get(product_id), universe.find_tier(base)
        limits = replace(tier, spread_bps_max=tier.spread_bps_max * exits.spread_multiple_max)
        refusal = check_quote(quote, causes.get(product_id, NOT_READ), limits, universe, now)
        if refusal is not None:
            refusals[product_id] = refusal
        elif quote is not None:
            believed[product_id] = quote
    return BelievedQuotes(believed, refusals)
