"""Who may be traded: the short list, every exclusion, hysteresis, depth and clusters."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories_market import (
    NOW,
    QUOTES,
    TIER_1,
    TIER_2,
    TIER_3,
    a_candidate,
    a_cluster,
    a_product,
    a_quote,
    a_universe_manager,
    flat_bars,
    some_bars,
    tier_settings,
    universe_settings,
)
from trader.errors import DataError, MalformedData, MissingData, StaleData
from trader.model.cycle_state import Membership, ProductCache
from trader.model.decisions import Denial
from trader.model.denials import DenialCode
from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import UniverseSelection
from trader.model.market import Bars, Depth, Product, Quote
from trader.model.money import Notional, Price
from trader.stages.universe.checks import name_data_failures
from trader.stages.universe.manager import UniverseManager

DAY = 86400
BTC, FOO = ProductId("BTC-USD"), ProductId("FOO-USD")
NOBODY: frozenset[Asset] = frozenset()


def keep(*bases: str) -> frozenset[Asset]:
    return frozenset(Asset(base) for base in bases)


def one_base_universe(base: str = "BTC", **overrides: Any) -> UniverseManager:
    """A universe of one configured base, so that a test sees one verdict."""
    tiers = {TIER_1: tier_settings(bases=(base,)), TIER_3: universe_settings().tiers[TIER_3]}
    return a_universe_manager(**{"tiers": tiers, **overrides})


def run(
    manager: UniverseManager,
    *products: Product,
    quotes: Iterable[Quote] | None = None,
    bars: Mapping[str, Bars | DataError] | None = None,
    membership: Mapping[ProductId, Membership] | None = None,
    held: frozenset[Asset] = NOBODY,
    causes: Mapping[ProductId, str] | None = None,
    cache: ProductCache | None = None,
) -> UniverseSelection:
    """Select among these, each with a fresh quote and flat bars unless said otherwise."""
    shown = {product.product_id: product for product in products}
    given = {each: flat_bars() for each in shown} if bars is None else {ProductId(k): v for k, v in bars.items()}
    found = [a_quote(each) for each in shown] if quotes is None else quotes
    screen = manager.screen(shown, {quote.product_id: quote for quote in found}, NOW, held, causes or {}, cache)
    return manager.admit(screen, given, membership or {})


def the_denial(selection: UniverseSelection) -> Denial:
    """The only one, and nobody is a candidate."""
    assert selection.candidates == {}
    [denial] = selection.denials
    assert denial.stage == "universe"
    return denial


# --- the short list


def test_shortlist_keeps_configured_bases_and_their_books() -> None:
    """The canonical product and its alias; other markets of the base, and other quote assets, are not used."""
    venue = [
        a_product("BTC-USD"),
        a_product("BTC-USDC", alias=ProductId("BTC-USD")),
        a_product("BTC-USDT"),
        a_product("BTC-EUR"),
        a_product("JUNK-USD", volume_24h=Notional(10)),
    ]

    found = a_universe_manager().shortlist(venue, NOBODY)

    assert [product.product_id for product in found] == ["BTC-USD", "BTC-USDC"]


def test_shortlist_keeps_a_configured_base_that_nobody_pays_with() -> None:
    """It is listed: its verdict says in which asset, and not that the venue does not list it."""
    euros = a_product("BTC-EUR")

    assert (euros,) == a_universe_manager().shortlist([euros, a_product("JUNK-EUR")], NOBODY)
    assert DenialCode.QUOTE_ASSET_UNSUPPORTED is the_denial(run(one_base_universe(), euros)).code


def test_shortlist_does_not_depend_on_the_order_of_the_list() -> None:
    """The same products in, the same products out."""
    venue = [a_product(f"B{n:02}-USD", volume_24h=Notional(9_000_000 + n % 7)) for n in range(30)]

    forwards = a_universe_manager().shortlist(venue, NOBODY)

    assert forwards == a_universe_manager().shortlist(reversed(venue), NOBODY)
    assert len(forwards) == 10


def test_shortlist_keeps_every_product_of_a_held_base() -> None:
    """What we hold must be sellable wherever it was bought."""
    venue = [a_product("JUNK-EUR", volume_24h=Notional(1)), a_product("BTC-USD"), a_product("BTC-USDT")]

    found = a_universe_manager().shortlist(venue, keep("JUNK", "BTC"))

    assert [product.product_id for product in found] == ["BTC-USD", "BTC-USDT", "JUNK-EUR"]


@pytest.mark.parametrize(
    "flaw",
    [
        {"volume_24h": Notional(7_999_999)},
        {"price": Price("0.0099")},
        {"price": None},
        {"cancel_only": True},
        {"status": "delisted"},
        {"product_id": ProductId("USDT-USD"), "base": Asset("USDT")},
        {"product_id": ProductId("LUNA-USD"), "base": Asset("LUNA")},
        {"quote": Asset("EUR")},
    ],
)
def test_flawed_product_is_not_discovered(flaw: dict[str, Any]) -> None:
    """Thin, cheap, priceless, closed, stable, excluded, or quoted in what we do not use."""
    product = a_product("FOO-USD", volume_24h=Notional(8_000_000), price=Price("0.01"))
    manager = a_universe_manager()

    assert (product,) == manager.shortlist([product], NOBODY)
    assert manager.shortlist([replace(product, **flaw)], NOBODY) == ()


def test_discovery_takes_the_busiest() -> None:
    """Up to the limit, by volume of the canonical product, ties by product id; configured bases take no place."""
    tiers = {**universe_settings().tiers, TIER_3: tier_settings(discover_max=2, volume_24h_min="8000000")}
    busy = {"AAA": 9, "BBB": 30, "CCC": 20, "DDD": 20, "BTC": 99}
    venue = [a_product(f"{base}-USD", volume_24h=Notional(volume * 10**6)) for base, volume in busy.items()]

    found = a_universe_manager(tiers=tiers).shortlist(venue, NOBODY)

    assert [product.product_id for product in found] == ["BBB-USD", "BTC-USD", "CCC-USD"]


def test_canonical_product_is_the_first_by_preferred_quote() -> None:
    """An alias comes after every canonical product; a market in an asset we do not use comes last."""
    products = [
        a_product("BTC-USDT"),
        a_product("BTC-USDC", alias=ProductId("BTC-USD")),
        a_product("BTC-EUR"),
    ]

    for last, expected in [(products, "BTC-USDT"), (products[1:], "BTC-USDC")]:
        selection = run(one_base_universe(), *last)
        assert (expected,) == selection.considered
        assert [expected] == list(selection.candidates)


@pytest.mark.parametrize("flag", ["is_disabled", "trading_disabled", "cancel_only", "in_auction", "view_only"])
def test_listing_that_takes_orders_stands_in_for_one_that_does_not(flag: str) -> None:
    """Accident 39: the alias for its canonical product, a market of its own for another; if none does, the first."""
    closed, alias = a_product(**{flag: True}), a_product("BTC-USDC", alias=BTC)
    both = [closed, replace(alias, view_only=True)]

    for open_one in (alias, a_product("BTC-USDT")):
        selection = run(one_base_universe(), closed, open_one)
        assert [open_one.product_id] == list(selection.candidates) == list(selection.considered)
    denial = the_denial(run(one_base_universe(), *both))
    assert (BTC, DenialCode.NOT_TRADABLE) == (denial.product_id, denial.code)


def test_product_in_an_asset_nobody_pays_with_stands_in_for_none() -> None:
    """It is open, and no way in."""
    denial = the_denial(run(one_base_universe(), a_product(view_only=True), a_product("BTC-EUR", alias=BTC)))

    assert (BTC, DenialCode.NOT_TRADABLE) == (denial.product_id, denial.code)


@pytest.mark.parametrize("is_listed", [True, False], ids=["closed", "gone"])
@pytest.mark.parametrize("member", [True, False])
def test_membership_goes_with_the_book_to_its_other_listing(member: bool, is_listed: bool) -> None:
    """It was looked at under the one name; whether it is in, or how long it has waited, is the same under the other."""
    before = Membership(member, disagreeing_cycles=0 if member else 1)
    products = [a_product(view_only=True)] if is_listed else []

    selection = run(one_base_universe(), *products, a_product("BTC-USDC", alias=BTC), membership={BTC: before})

    assert {"BTC-USDC": Membership(True) if member else Membership(False, 2)} == selection.membership


def test_candidate_knows_all_books_of_its_market() -> None:
    """In the order of preferred quote assets."""
    alias = a_product("BTC-USDC", alias=BTC)

    candidate = run(one_base_universe(), alias, a_product(), a_product("BTC-USDT")).candidates[BTC]

    assert (a_product(), alias) == candidate.listings
    assert candidate.product == a_product()


# --- exclusions


VENUE_FLAGS: dict[str, Any] = {
    "is_disabled": True,
    "trading_disabled": True,
    "cancel_only": True,
    "in_auction": True,
    "view_only": True,
    "status": "offline",
}


@pytest.mark.parametrize(("flag", "value"), VENUE_FLAGS.items())
def test_every_venue_flag_blocks(flag: str, value: Any) -> None:
    """Accident 14: the product was cancel-only, the flag was not read."""
    denial = the_denial(run(one_base_universe(), replace(a_product(), **{flag: value})))

    assert denial.code is DenialCode.NOT_TRADABLE
    assert flag in str(denial.details["trading_restrictions"])


@pytest.mark.parametrize("status", ["delisted", "", "STANDARD"])
def test_any_status_but_online_blocks(status: str) -> None:
    """An unknown status is no permission."""
    assert the_denial(run(one_base_universe(), a_product(status=status))).code is DenialCode.NOT_TRADABLE


@pytest.mark.parametrize("flags", [{"limit_only": True}, {"post_only": True}])
def test_flags_that_fit_our_orders_do_not_block(flags: dict[str, Any]) -> None:
    """We send limit orders, and enter post-only."""
    assert list(run(one_base_universe(), a_product(**flags)).candidates) == [BTC]


REFUSALS: dict[DenialCode, tuple[dict[str, Any], dict[str, Any]]] = {
    DenialCode.EXCLUDED: ({"never_trade": (Asset("BTC"),)}, {"base": "BTC"}),
    DenialCode.STABLE_BASE: ({"stable_bases": (Asset("BTC"),)}, {"base": "BTC"}),
    DenialCode.BANNED: ({"bans": {Asset("BTC"): "2026-11-23"}}, {"today": "2026-11-22", "until": "2026-11-23"}),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_settings_exclude(code: DenialCode) -> None:
    """The lists and the bans, with what they say."""
    overrides, numbers = REFUSALS[code]

    denial = the_denial(run(one_base_universe(**overrides), a_product()))

    assert code is denial.code
    assert numbers.items() <= denial.details.items()


def test_ban_ends_with_its_date() -> None:
    """Banned until today is banned no more."""
    manager = one_base_universe(bans={Asset("BTC"): "2026-11-22"})

    assert list(run(manager, a_product()).candidates) == [BTC]


PRODUCTS_AT_THE_EDGE: list[tuple[DenialCode, dict[str, Any], dict[str, Any]]] = [
    (DenialCode.VOLUME_BELOW_MIN, {"volume_24h": Notional(10_000_000)}, {"volume_24h": Notional("9999999.99")}),
    (DenialCode.LISTING_TOO_NEW, {"listed_at": NOW - 30 * DAY}, {"listed_at": NOW - 30 * DAY + 1}),
]


@pytest.mark.parametrize(("code", "good", "bad"), PRODUCTS_AT_THE_EDGE)
def test_product_at_its_limit_passes_and_beyond_it_does_not(
    code: DenialCode, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    """The limit itself is allowed."""
    manager = one_base_universe()

    assert list(run(manager, a_product(**good)).candidates) == [BTC]
    assert code is the_denial(run(manager, a_product(**bad))).code


def test_price_counts_in_the_tier_that_asks_for_one() -> None:
    """Held, so considered: a price below the minimum of the dynamic tier, or none at all, is refused."""
    manager = a_universe_manager(tiers={TIER_3: universe_settings().tiers[TIER_3]})

    for price in (Price("0.009"), None):
        denial = the_denial(run(manager, a_product("FOO-USD", price=price), held=keep("FOO")))
        assert denial.code is DenialCode.PRICE_BELOW_MIN
        assert denial.details["price_min"] == Decimal("0.01")


QUOTES_AT_THE_EDGE: list[tuple[DenialCode, Quote, Quote | None]] = [
    (DenialCode.QUOTE_MISSING, a_quote(), None),
    (DenialCode.QUOTE_STALE, a_quote(time=NOW - 30), a_quote(time=NOW - 31)),
    (DenialCode.QUOTE_CROSSED, a_quote(), a_quote(bid="100", ask="100")),
    (DenialCode.QUOTE_CROSSED, a_quote(), a_quote(bid="0", ask="100")),
    (DenialCode.SPREAD_EXCEEDS_MAX, a_quote(bid="99.90", ask="100.10"), a_quote(bid="99.89", ask="100.10")),
]


@pytest.mark.parametrize(("code", "good", "bad"), QUOTES_AT_THE_EDGE)
def test_quote_at_its_limit_passes_and_beyond_it_does_not(code: DenialCode, good: Quote, bad: Quote | None) -> None:
    """Twenty basis points and thirty seconds are allowed, more is not."""
    manager = one_base_universe()

    assert list(run(manager, a_product(), quotes=[good]).candidates) == [BTC]
    assert code is the_denial(run(manager, a_product(), quotes=[bad] if bad else [])).code


BARS_AT_THE_EDGE: list[tuple[DenialCode, Bars | DataError]] = [
    (DenialCode.DATA_MISSING, MissingData("no candle")),
    (DenialCode.DATA_STALE, StaleData("old candle")),
    (DenialCode.DATA_MALFORMED, MalformedData("odd candle")),
    (DenialCode.DATA_MALFORMED, DataError("anything else")),
    (DenialCode.DATA_GAPPED, flat_bars(filled=31)),
    (DenialCode.HISTORY_TOO_SHORT, flat_bars(288)),
]


@pytest.mark.parametrize(("code", "bars"), BARS_AT_THE_EDGE)
def test_bars_that_cannot_be_trusted_exclude(code: DenialCode, bars: Bars | DataError) -> None:
    """Unreadable, gapped beyond the ratio, or too few."""
    assert code is the_denial(run(one_base_universe(), a_product(), bars={"BTC-USD": bars})).code


def test_bars_at_their_limits_pass() -> None:
    """A tenth filled, and exactly as many as needed."""
    for bars in (flat_bars(filled=30), flat_bars(289)):
        assert list(run(one_base_universe(), a_product(), bars={"BTC-USD": bars}).candidates) == [BTC]


def test_bars_that_were_not_read_exclude() -> None:
    """No entry is no data."""
    denial = the_denial(run(one_base_universe(), a_product(), bars={}))

    assert denial.code is DenialCode.DATA_MISSING


def test_configured_base_without_product_is_named() -> None:
    """A base that the venue has delisted still gets its verdict, under the id it would have."""
    selection = run(one_base_universe())

    assert selection.considered == (BTC,)
    assert the_denial(selection).code is DenialCode.PRODUCT_MISSING


def test_product_whose_newest_row_makes_no_sense_is_refused_and_watched() -> None:
    """Accident 42: known from before, it may be held; its bars are read, its cause is told, it is no candidate."""
    cache = ProductCache(NOW, (a_product(),), {BTC: "base_increment: 0 must be above 0"})
    manager = one_base_universe()

    denial = the_denial(run(manager, a_product(), cache=cache))

    assert (DenialCode.PRODUCT_MISSING, cache.causes[BTC]) == (denial.code, denial.details["cause"])
    screen = manager.screen({BTC: a_product()}, {}, NOW, keep("BTC"), {}, cache)
    assert (BTC,) == screen.products_needing_bars()


def test_product_whose_newest_row_makes_no_sense_gives_way_to_another_listing() -> None:
    """Of the same book, and on that alone it is bought."""
    alias = a_product("BTC-USDC", alias=BTC)
    cache = ProductCache(NOW, (a_product(), alias), {BTC: "base_increment: 0 must be above 0"})

    (candidate,) = run(one_base_universe(), a_product(), alias, cache=cache).candidates.values()

    assert (alias, (alias,)) == (candidate.product, candidate.listings)


def test_base_that_is_not_listed_is_not_considered_unless_it_is_held() -> None:
    """The whole list was read and has it not; what is ours is named all the same."""
    cache = ProductCache(NOW, (), unlisted=(Asset("BTC"),))

    unheld, held = run(one_base_universe(), cache=cache), run(one_base_universe(), held=keep("BTC"), cache=cache)

    assert ((), (), {}, {}) == (unheld.considered, unheld.denials, unheld.membership, unheld.products)
    denial = the_denial(held)
    assert (DenialCode.PRODUCT_MISSING, "the venue does not list it") == (denial.code, denial.details["cause"])


def test_base_of_which_nothing_was_read_says_so() -> None:
    """It may be listed for all we know."""
    assert "not read" == the_denial(run(one_base_universe())).details["cause"]


def test_listing_outweighs_what_the_list_did_not_have() -> None:
    """Read by its name since then."""
    cache = ProductCache(NOW, (a_product(),), unlisted=(Asset("BTC"),))

    assert [BTC] == list(run(one_base_universe(), a_product(), cache=cache).candidates)


@pytest.mark.parametrize("odd", ["BTC-USD", "BTC-USDC"])
def test_base_of_which_no_row_could_be_read_says_why(odd: str) -> None:
    """Under whichever of its names the row came that made no sense."""
    cache = ProductCache(NOW, (), {ProductId(odd): "quote_increment: Field required"})

    denial = the_denial(run(one_base_universe(), causes=cache.causes, cache=cache))

    assert (BTC, "quote_increment: Field required") == (denial.product_id, denial.details["cause"])


@pytest.mark.parametrize(
    ("products", "code"),
    [([], DenialCode.PRODUCT_MISSING), ([a_product("BTC-USD")], DenialCode.QUOTE_MISSING)],
    ids=["product", "quote"],
)
def test_what_is_missing_says_why(products: list[Product], code: DenialCode) -> None:
    """In the numbers of the denial, and, where it is data that failed, in the failures of the cycle."""
    selection = run(one_base_universe(), *products, quotes=[], causes={BTC: "GET /x: HTTP 503"})

    denial = the_denial(selection)
    assert (code, "GET /x: HTTP 503") == (denial.code, denial.details["cause"])
    failed = ("BTC-USD: QUOTE_MISSING: GET /x: HTTP 503",) if products else ()
    assert failed == name_data_failures(selection.denials)


def test_data_that_failed_without_a_cause_are_named_too() -> None:
    """By what is wrong with them."""
    stale = replace(a_quote(), time=Instant(NOW - 3600))

    selection = run(one_base_universe(), a_product("BTC-USD"), quotes=[stale])

    assert ("BTC-USD: QUOTE_STALE",) == name_data_failures(selection.denials)


def test_every_base_can_be_paid_in_each_preferred_asset() -> None:
    """Configured or held: the products it is looked for under, the preferred one first."""
    rows = one_base_universe().rows

    assert ("BTC", "FOO") == rows.name_bases(keep("FOO"))
    assert ("BTC-USD", "BTC-USDC") == rows.name_listings(Asset("BTC"))[:2]


def test_product_in_an_unused_quote_asset_is_named() -> None:
    """Held in euros: considered, and refused for entries."""
    denial = the_denial(run(one_base_universe(), a_product("BTC-EUR"), held=keep("BTC")))

    assert (denial.code, denial.details["quote"]) == (DenialCode.QUOTE_ASSET_UNSUPPORTED, "EUR")


def test_first_failing_check_speaks() -> None:
    """A product with every flaw is reported for the first one in order, flaw after flaw mended."""
    flaws: list[tuple[DenialCode, dict[str, Any]]] = [
        (DenialCode.NOT_TRADABLE, {"view_only": False}),
        (DenialCode.VOLUME_BELOW_MIN, {"volume_24h": Notional(10**8)}),
        (DenialCode.LISTING_TOO_NEW, {"listed_at": None}),
        (DenialCode.QUOTE_MISSING, {}),
    ]
    product = a_product(view_only=True, volume_24h=Notional(1), listed_at=Instant(NOW))

    for code, mended in flaws:
        assert code is the_denial(run(one_base_universe(), product, quotes=[], bars={})).code
        product = replace(product, **mended)


@pytest.mark.parametrize("tier", [TIER_1, TIER_2])
def test_no_tier_bypasses_a_check(tier: str) -> None:
    """The core tier is checked like the others."""
    tiers = {tier: tier_settings(bases=("BTC",))}

    denial = the_denial(run(a_universe_manager(tiers=tiers), a_product(cancel_only=True)))

    assert tier == denial.details["tier"]


def test_every_base_is_considered_exactly_once() -> None:
    """Configured, discovered and held bases: a candidate or one denial each, and a tier for every base."""
    venue = [
        a_product("BTC-USD"),
        a_product("BTC-USDC", alias=BTC),
        a_product("ETH-USD", view_only=True),
        a_product("FOO-USD"),
        a_product("OLD-USD", volume_24h=Notional(1)),
        a_product("GONE-USD", volume_24h=Notional(1)),
    ]

    selection = run(a_universe_manager(), *venue, held=keep("BTC", "OLD", "FOO"))

    denied = [denial.product_id for denial in selection.denials]
    assert len(selection.considered) == 3 + 11 + 2
    assert sorted(selection.considered) == sorted([*selection.candidates, *denied])
    assert {BTC, FOO} == set(selection.candidates)
    assert tuple(selection.tiers[Asset(base)] for base in ("BTC", "FOO", "OLD")) == (TIER_1, TIER_3, TIER_3)
    assert Asset("GONE") not in selection.tiers
    assert set(selection.membership) == set(selection.considered)


def test_selection_repeats() -> None:
    """The same facts give an equal selection, whatever order the products come in."""
    venue = [a_product(f"{base}-USD", volume_24h=Notional(2 * 10**7)) for base in ("ZED", "BTC", "FOO", "ETH", "ADA")]

    assert run(a_universe_manager(), *venue) == run(a_universe_manager(), *reversed(venue))


# --- which candles to read


def test_candles_are_wanted_for_who_passes_so_far_and_for_what_is_held() -> None:
    """Closed products cost no request unless we hold them; a missing product cannot be read at all."""
    venue = [a_product("BTC-USD"), a_product("ETH-USD", view_only=True), a_product("SOL-USD", view_only=True)]
    products = {product.product_id: product for product in venue}
    quotes = {product_id: a_quote(product_id) for product_id in products}

    wanted = a_universe_manager().screen(products, quotes, NOW, keep("SOL", "GONE"), {}, None).products_needing_bars()

    assert wanted == ("BTC-USD", "SOL-USD")


def test_whoever_becomes_a_candidate_was_wanted() -> None:
    """Selection asks no bars that were not announced."""
    venue = [a_product(f"{base}-USD", volume_24h=Notional(2 * 10**7)) for base in ("BTC", "FOO", "ETH", "BAR")]
    products = {product.product_id: product for product in venue}
    quotes = {product_id: a_quote(product_id) for product_id in products}

    wanted = a_universe_manager().screen(products, quotes, NOW, NOBODY, {}, None).products_needing_bars()

    assert set(run(a_universe_manager(), *venue).candidates) == set(wanted)


# --- hysteresis


OPEN, SHUT = a_product(), a_product(view_only=True)


def sequence(*products: Product, membership: Mapping[ProductId, Membership]) -> list[str]:
    """What becomes of the product cycle after cycle: traded, or the code of its denial."""
    said = []
    for product in products:
        selection = run(one_base_universe(), product, membership=membership)
        membership = selection.membership
        said.append("traded" if selection.candidates else the_denial(selection).code.value)
    return said


def test_ledger_without_history_admits_at_once() -> None:
    """There is nothing to damp in the first cycle of all, and no flicker after it."""
    assert sequence(OPEN, OPEN, membership={}) == ["traded", "traded"]


def test_newcomer_passes_three_times_before_it_is_traded() -> None:
    """The third passing cycle in a row is the first it is traded in."""
    strangers = {ProductId("ETH-USD"): Membership(member=True)}

    assert sequence(OPEN, OPEN, OPEN, OPEN, membership=strangers) == ["HYSTERESIS", "HYSTERESIS", "traded", "traded"]


def test_failure_resets_the_wait() -> None:
    """Two passes, one failure: the count starts again."""
    outside = {BTC: Membership(member=False)}

    said = sequence(OPEN, OPEN, SHUT, OPEN, OPEN, OPEN, membership=outside)

    assert said == ["HYSTERESIS", "HYSTERESIS", "NOT_TRADABLE", "HYSTERESIS", "HYSTERESIS", "traded"]


def test_member_that_fails_is_not_traded_now_but_stays_a_member() -> None:
    """Two failures in a row cost two cycles, nothing more."""
    inside = {BTC: Membership(member=True)}

    assert sequence(SHUT, SHUT, OPEN, membership=inside) == ["NOT_TRADABLE", "NOT_TRADABLE", "traded"]


def test_member_leaves_after_three_failures() -> None:
    """And then waits like a newcomer."""
    inside = {BTC: Membership(member=True)}

    said = sequence(SHUT, SHUT, SHUT, OPEN, OPEN, OPEN, membership=inside)

    assert said == ["NOT_TRADABLE"] * 3 + ["HYSTERESIS", "HYSTERESIS", "traded"]


def test_hysteresis_says_how_long_it_waits() -> None:
    """The cycles passed and the cycles needed."""
    denial = the_denial(
        run(one_base_universe(), OPEN, membership={BTC: Membership(member=False, disagreeing_cycles=1)})
    )

    assert (denial.details["cycles"], denial.details["cycles_min"]) == (2, 3)


def test_evidence_counts_cycles_against_the_present_state() -> None:
    """Up with each cycle that speaks against it, back to nothing with one that does not."""
    inside = {BTC: Membership(member=True, disagreeing_cycles=1)}

    assert run(one_base_universe(), SHUT, membership=inside).membership == {
        BTC: Membership(member=True, disagreeing_cycles=2)
    }
    assert run(one_base_universe(), OPEN, membership=inside).membership == {BTC: Membership(member=True)}


def test_member_that_is_no_longer_considered_is_forgotten() -> None:
    """A discovered product that nobody discovers any more leaves no trace."""
    old = {BTC: Membership(member=True), FOO: Membership(member=True)}

    assert list(run(one_base_universe(), OPEN, membership=old).membership) == [BTC]


@pytest.mark.parametrize("cycles", [1, 2, 5])
def test_number_of_cycles_is_a_setting(cycles: int) -> None:
    """Entering and leaving take as many cycles as configured, for every pair of counts."""
    for leave in (1, 2, 5):
        manager = one_base_universe(enter_after_cycles=cycles, leave_after_cycles=leave)
        membership: Mapping[ProductId, Membership] = {BTC: Membership(member=False)}
        inside = []
        for product in [OPEN] * cycles + [SHUT] * leave:
            membership = run(manager, product, membership=membership).membership
            inside.append(membership[BTC].member)

        assert inside == [False] * (cycles - 1) + [True] + [True] * (leave - 1) + [False]


# --- depth, clusters, health


def depth_of(asks: str) -> Depth:
    return Depth(BTC, Notional(10**9), Notional(asks))


def test_thin_asks_refuse_a_buy() -> None:
    """The limit of its tier itself is enough; a deep bid side does not help."""
    manager, candidate = a_universe_manager(), a_candidate()

    denial = manager.check_depth(candidate, depth_of("99999.99"), {})

    assert manager.check_depth(candidate, depth_of("100000"), {}) is None
    assert denial is not None
    assert denial.code is DenialCode.DEPTH_BELOW_MIN
    assert denial.details == {"depth": Decimal("99999.99"), "depth_min": Decimal(100000)}


def test_depth_that_was_not_read_refuses_a_buy() -> None:
    """No depth is ever assumed; why there is none is said."""
    denial = a_universe_manager().check_depth(a_candidate(), None, {BTC: "GET /market/product_book: HTTP 503"})

    assert denial is not None
    assert denial.code is DenialCode.DEPTH_MISSING
    assert denial.details == {"depth_min": Decimal(100000), "cause": "GET /market/product_book: HTTP 503"}


def test_depth_limit_is_that_of_the_tier() -> None:
    """What is too thin for the core tier is deep for the dynamic one."""
    assert a_universe_manager().check_depth(a_candidate(tier=TIER_3), depth_of("10000"), {}) is None


def zigzag(step: float, *, flip_every: int) -> Bars:
    """Closes that go up and down by *step*, turning every few bars."""
    closes = [100.0]
    for n in range(299):
        closes.append(closes[-1] * (1 + step * (1 if n // flip_every % 2 else -1)))
    return some_bars(closes)


def clusters(manager: UniverseManager, held: Iterable[str], **bars: Bars) -> dict[str, tuple[str, ...]]:
    """Clusters with every base that has bars proposed, but for the held ones."""
    candidates = {ProductId(f"{base}-USD"): a_candidate(f"{base}-USD", bars=each) for base, each in bars.items()}
    holding = [Asset(base) for base in held]
    proposed = [Asset(base) for base in bars if base not in holding]
    peers = manager.find_peers(candidates, proposed, holding)
    return {str(base): names for base, names in manager.assign_clusters(peers, holding).items()}


def test_clusters_are_the_lists() -> None:
    """An asset may be in several, or in none."""
    manager = a_universe_manager(clusters={"B": a_cluster("ETH"), "A": a_cluster("ETH", "SOL")})

    found = clusters(manager, [], ETH=flat_bars(), SOL=flat_bars(), BTC=flat_bars())

    assert found == {"BTC": (), "ETH": ("A", "B"), "SOL": ("A",)}


def test_proposed_asset_that_moves_with_a_held_one_joins_its_clusters() -> None:
    """The same zigzag twice as large correlates, one that turns at other times does not."""
    manager = a_universe_manager()

    found = clusters(
        manager,
        ["DOGE"],
        DOGE=zigzag(0.01, flip_every=1),
        BTC=zigzag(0.02, flip_every=1),
        XRP=zigzag(0.01, flip_every=2),
    )

    assert found == {"BTC": ("MEME",), "DOGE": ("MEME",), "XRP": ()}


def test_opposite_moves_join_nothing() -> None:
    """A correlation of minus one diversifies."""
    found = clusters(a_universe_manager(), ["DOGE"], DOGE=zigzag(0.01, flip_every=1), BTC=zigzag(-0.01, flip_every=1))

    assert found["BTC"] == ()


def test_correlation_limit_is_a_setting() -> None:
    """At a limit of one nothing exceeds it."""
    manager = a_universe_manager(correlation_max=1.0)

    found = clusters(manager, ["DOGE"], DOGE=zigzag(0.01, flip_every=1), BTC=zigzag(0.011, flip_every=1))

    assert found["BTC"] == ()


def test_held_asset_that_cannot_be_measured_is_taken_to_move_along() -> None:
    """No bars of what we hold, or too few: not knowing is no diversification."""
    unread = clusters(a_universe_manager(), ["DOGE"], BTC=zigzag(0.01, flip_every=1))
    short = clusters(a_universe_manager(), ["DOGE"], BTC=zigzag(0.01, flip_every=1), DOGE=flat_bars(288))

    assert unread == short == {"BTC": ("MEME",), "DOGE": ("MEME",)}


def test_asset_that_lists_no_cluster_has_peers_too() -> None:
    """A twin of Bitcoin moves with it, and what turns at other times does not."""
    bars = {"BTC": zigzag(0.01, flip_every=1), "TWIN": zigzag(0.02, flip_every=1), "XRP": zigzag(0.01, flip_every=2)}
    candidates = {ProductId(f"{base}-USD"): a_candidate(f"{base}-USD", bars=each) for base, each in bars.items()}

    found = a_universe_manager().find_peers(candidates, [Asset("TWIN"), Asset("XRP")], [Asset("BTC")])

    assert {"TWIN": {"BTC"}, "XRP": set()} == found


def test_what_cannot_be_measured_moves_with_everything() -> None:
    """Two unknown coins with one another as with what is held."""
    found = a_universe_manager().find_peers({}, [Asset("ONE"), Asset("TWO")], [Asset("BTC")])

    assert {"ONE": {"TWO", "BTC"}, "TWO": {"ONE", "BTC"}} == found


def test_failed_ratio_counts_data_not_judgement() -> None:
    """Of four, one has no quote and one no bars; the closed one did not fail, it was refused."""
    tiers = {TIER_1: tier_settings(bases=("BTC", "ETH", "SOL", "ADA"))}
    products = [a_product("BTC-USD"), a_product("ETH-USD"), a_product("SOL-USD", view_only=True), a_product("ADA-USD")]
    quotes = [a_quote(product_id) for product_id in ("BTC-USD", "SOL-USD", "ADA-USD")]
    manager = a_universe_manager(tiers=tiers)

    selection = run(manager, *products, quotes=quotes, bars={"BTC-USD": flat_bars(), "ADA-USD": MissingData("none")})

    assert manager.failed_ratio(selection) == 0.5
    assert list(selection.candidates) == [BTC]


def test_product_the_venue_does_not_list_is_no_failure_of_data() -> None:
    """One of one listed product has no bars: that is everything, however many are configured."""
    tiers = {TIER_1: tier_settings(bases=("BTC", "ETH", "SOL", "ADA"))}
    manager = a_universe_manager(tiers=tiers)

    selection = run(manager, a_product("BTC-USD"), bars={"BTC-USD": MissingData("none")})

    assert manager.failed_ratio(selection) == 1.0


def test_nothing_considered_nothing_failed() -> None:
    """An empty universe is not an outage."""
    manager = a_universe_manager(tiers={TIER_3: tier_settings(discover_max=1)})

    assert manager.failed_ratio(run(manager)) == 0.0


def test_every_exclusion_code_has_its_test() -> None:
    """The codes of this stage, each reached above by name."""
    reached = {
        *REFUSALS,
        *(code for code, _, _ in PRODUCTS_AT_THE_EDGE),
        *(code for code, _, _ in QUOTES_AT_THE_EDGE),
        *(code for code, _ in BARS_AT_THE_EDGE),
        DenialCode.NOT_TRADABLE,
        DenialCode.PRICE_BELOW_MIN,
        DenialCode.PRODUCT_MISSING,
        DenialCode.QUOTE_ASSET_UNSUPPORTED,
        DenialCode.HYSTERESIS,
        DenialCode.DEPTH_BELOW_MIN,
        DenialCode.DEPTH_MISSING,
    }
    codes = list(DenialCode)

    assert set(codes[: codes.index(DenialCode.PRICE_OUTLIER)]) == reached


def test_first_preferred_quote_names_a_missing_product() -> None:
    """The id of a product that does not exist is made of the quote asset we would use."""
    manager = UniverseManager(universe_settings(tiers={TIER_1: tier_settings(bases=("BTC",))}), 0.1, QUOTES[1:], 289)

    assert run(manager).considered == ("BTC-USDC",)
