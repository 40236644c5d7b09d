"""Which settings about money contradict one another: caps, smallest orders, quote assets, prices of orders."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from trader.model.cycle_state import Regime
from trader.model.ids import Asset
from trader.model.money import BPS, ONE, ZERO, plain, share
from trader.settings import Settings

#: The regimes in which something may be bought.
TRADED_REGIMES = (Regime.BULL, Regime.CHOP, Regime.BEAR)


def find_contradictions(settings: Settings) -> tuple[str, ...]:
    """Name every combination under which no order could be made, or a cap could never decide."""
    checks = (_caps, _sizes, _dust, _quotes, _conversions, _orders)
    return tuple(line for check in checks for line in check(settings))


def _caps(settings: Settings) -> Iterator[str]:
    """Each cap must lie below the next wider one, or the wider one is the only one that ever decides."""
    risk = settings.risk
    multiplier = find_best_multiplier(settings)
    largest = risk.position_pct_max * multiplier
    if largest > risk.product_pct_max > 0:
        yield (
            f"risk.position_pct_max: {plain(risk.position_pct_max)} × the largest regime.size_multiplier "
            f"{plain(multiplier)} = {plain(largest)} is above risk.product_pct_max {plain(risk.product_pct_max)}; "
            f"allowed is at most {plain((risk.product_pct_max / multiplier).quantize(Decimal('0.01')))}"
        )
    for name, pct in (("product", risk.product_pct_max), ("correlated", risk.correlated_pct_max)):
        if pct > risk.total_pct_max > 0:
            yield (
                f"risk.{name}_pct_max: {plain(pct)} can never be reached; "
                f"allowed is at most risk.total_pct_max {plain(risk.total_pct_max)}"
            )


def _sizes(settings: Settings) -> Iterator[str]:
    """Check that the largest order which all caps together allow is worth sending."""
    risk, capital = settings.risk, settings.app.capital
    weight = max((each.weight_pct for each in settings.strategies.values() if each.enabled), default=ZERO)
    everywhere = (
        risk.position_pct_max * find_best_multiplier(settings),
        risk.product_pct_max,
        risk.total_pct_max,
        weight,
    )
    for name, tier in settings.universe.tiers.items():
        largest = share(capital, min(*everywhere, tier.allocation_max_pct))
        after_fees = largest * (ONE - settings.exchange.assumed_taker_fee_ratio)
        if after_fees < risk.notional_min:
            yield (
                f"risk.notional_min: {plain(risk.notional_min)} is more than the caps allow in universe.tiers.{name} "
                f"with app.capital {plain(capital)}; allowed is at most {plain(after_fees.quantize(Decimal('0.01')))}"
            )


def _dust(settings: Settings) -> Iterator[str]:
    most, least = settings.exits.dust_value_max, settings.risk.notional_min
    if most > least:
        yield (
            f"exits.dust_value_max: {plain(most)} would write off whole purchases; "
            f"allowed is at most risk.notional_min {plain(least)}"
        )


def _quotes(settings: Settings) -> Iterator[str]:
    accounting, quotes, pegs = settings.app.accounting_asset, settings.execution.preferred_quotes, settings.risk.pegs
    if accounting not in quotes:
        yield (
            f"app.accounting_asset: {accounting} is what the capital is in and could not be spent; "
            f"allowed is one of execution.preferred_quotes {', '.join(quotes)}"
        )
    for asset in quotes:
        if asset != accounting and asset not in pegs:
            yield f"risk.pegs.{asset}: is missing, but execution.preferred_quotes has {asset}; allowed is its products"
    for asset, products in pegs.items():
        if asset not in quotes or asset == accounting:
            yield (
                f"risk.pegs.{asset}: never decides, because {asset} is not in execution.preferred_quotes or is "
                "app.accounting_asset; allowed is no such key"
            )
        elif not _prices(asset, accounting, tuple(products)):
            yield (
                f"risk.pegs.{asset}: {', '.join(products) or 'nothing'} gives no price of {asset} in {accounting}; "
                f"allowed is {asset}-{accounting}, or X-{accounting} and X-{asset}"
            )


def _prices(asset: Asset, accounting: Asset, products: tuple[str, ...]) -> bool:
    """Whether the products price the asset: one directly, or the first divided by the second."""
    if len(products) == 1:
        return products[0] == f"{asset}-{accounting}"
    if len(products) != 2:
        return False
    (base, quote), (other_base, other_quote) = (product.split("-") for product in products)
    return base == other_base and quote == accounting and other_quote == asset


def _conversions(settings: Settings) -> Iterator[str]:
    execution = settings.execution
    if execution.auto_convert and not execution.conversion_pairs:
        yield "execution.conversion_pairs: none, but execution.auto_convert is true; allowed is at least one, or false"
    for pair in execution.conversion_pairs:
        source, target = pair.split("-")
        if source == target:
            yield f"execution.conversion_pairs: {pair} converts nothing; allowed is two different assets"
        for asset in sorted({source, target} - set(execution.preferred_quotes)):
            yield (
                f"execution.conversion_pairs: {pair} needs {asset}; "
                f"allowed is what execution.preferred_quotes has: {', '.join(execution.preferred_quotes)}"
            )


def _orders(settings: Settings) -> Iterator[str]:
    execution = settings.execution
    start, step, most = execution.exit_slippage_bps, execution.exit_slippage_step_bps, execution.exit_slippage_bps_max
    if start > most:
        yield (
            f"execution.exit_slippage_bps: {plain(start)} starts above the end; "
            f"allowed is at most execution.exit_slippage_bps_max {plain(most)}"
        )
    if start < most and step == 0:
        yield (
            f"execution.exit_slippage_step_bps: 0 never gets from {plain(start)} to execution.exit_slippage_bps_max "
            f"{plain(most)}; allowed is above 0, or a maximum of {plain(start)}"
        )
    if most >= BPS:
        yield f"execution.exit_slippage_bps_max: {plain(most)} would sell for nothing; allowed is less than 10000"


def find_best_multiplier(settings: Settings) -> Decimal:
    """How much the kindest regime enlarges a position."""
    return max((settings.regime.size_multiplier.get(each, ZERO) for each in TRADED_REGIMES), default=ZERO)
