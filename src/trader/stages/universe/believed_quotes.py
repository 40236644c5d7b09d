"""Which quotes of what is held, and of stable cash, may be believed. No other sells a lot, writes it off or marks it.

One stub bid far below the ask, or a quote of yesterday, is no price: the order at the venue protects meanwhile, and the
next look decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import BelievedQuotes, CycleInputs, UniverseSelection
from trader.model.ledger import Ledger
from trader.model.market import Quote
from trader.settings import Settings
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
        quote, widest_bps = quotes.get(product_id), _widest_bps(base, universe, exits)
        refusal = check_quote(quote, causes.get(product_id, NOT_READ), widest_bps, universe, now)
        if refusal is not None:
            refusals[product_id] = refusal
        elif quote is not None:
            believed[product_id] = quote
    return BelievedQuotes(believed, refusals)


def select_entry_quotes(
    ledger: Ledger, selection: UniverseSelection, inputs: CycleInputs, universe: UniverseSettings
) -> Mapping[ProductId, Quote]:
    """Return the quotes on which something may be bought: those of candidates, and what parents buy, as far as sound.

    A candidate's quote is that of its book, whichever listing of it is bought.
    """
    found = {
        listing.product_id: candidate.quote
        for candidate in selection.candidates.values()
        for listing in candidate.listings
    }
    for parent in ledger.parents.values():
        quote, widest_bps = inputs.quotes.get(parent.product_id), universe.find_tier(parent.base).spread_bps_max
        if quote is not None and check_quote(quote, NOT_READ, widest_bps, universe, inputs.now) is None:
            found[parent.product_id] = quote
    return found


def believe_pegs(quotes: Mapping[ProductId, Quote], now: Instant, settings: Settings) -> Mapping[ProductId, Quote]:
    """Return the quotes that price stable assets, as far as they may be believed.

    The mid of a stub bid and a sound ask would be half a dollar, and the cash would be worth that.
    """
    believed: dict[ProductId, Quote] = {}
    for product_id in sorted({each for path in settings.risk.pegs.values() for each in path}):
        quote, base = quotes.get(product_id), Asset(product_id.partition("-")[0])
        widest_bps = _widest_bps(base, settings.universe, settings.exits)
        if quote is not None and check_quote(quote, NOT_READ, widest_bps, settings.universe, now) is None:
            believed[product_id] = quote
    return believed


def _widest_bps(base: Asset, universe: UniverseSettings, exits: ExitsSettings) -> Decimal:
    return universe.find_tier(base).spread_bps_max * exits.spread_multiple_max
