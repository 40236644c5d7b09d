"""What was seen on the crash day, as tables and as a page, losses first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from desk.drill.crash_lots import LotStory, Sale, assess
from desk.drill.crash_world import LOT_WORTH, Variant, Window
from trader.model.ids import Instant
from trader.model.money import HUNDRED, ZERO
from trader.settings import Settings

HEADS = (
    "product", "bars", "entry", "stop", "own limit", "lowest", "exit", "sold at", "average", "below the stop",
    "left to the second line", "worst moment while held",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Played:
    """One world after its last tick."""

    variant: Variant
    stories: tuple[LotStory, ...]
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def loss(self) -> Decimal:
        """What all lots lost, fees included."""
        return sum((story.loss for story in self.stories), ZERO)

    @property
    def loss_pct(self) -> Decimal:
        """The same in % of what they cost."""
        return self.loss / sum((story.cost for story in self.stories), ZERO) * HUNDRED


def write_table(stories: Sequence[LotStory]) -> str:
    """Write a row for each lot, losses first."""
    lines = [HEADS, ("---", "--:", *["--:"] * 4, "---", *["--:"] * 4, "---"), *(_list_cells(each) for each in stories)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _list_cells(story: LotStory) -> tuple[str, ...]:
    decimals = max(_count_decimals(each) for each in (story.stop_price, story.own_limit, story.lowest_price))
    prices = (story.entry_price, story.stop_price, story.own_limit, story.lowest_price)
    below, average = story.below_stop_pct, story.average_price
    worst = "-"
    if story.lowest_bid is not None and story.lowest_at is not None:
        worst = f"{_show_time(story.lowest_at)}, {_show_distance(story.find_below_stop_pct(story.lowest_bid))}"
    return (
        story.product_id,
        f"{story.bar / timedelta(minutes=1):.0f} min",
        *(f"{price:.{decimals}f}" for price in prices),
        " + ".join(dict.fromkeys(sale.sold_by for sale in story.sales)) or "none",
        " to ".join(dict.fromkeys(_show_time(sale.at) for sale in _pick_ends(story.sales))) or "-",
        "-" if average is None else f"{average:.{decimals}f}",
        "-" if below is None else f"{below:.2f} %",
        f"{story.second_line_ratio * HUNDRED:.0f} %" + (", **rest unsold**" if story.is_left else ""),
        worst,
    )


def _pick_ends(sales: Sequence[Sale]) -> Sequence[Sale]:
    return [*sales[:1], *sales[-1:]]


def _count_decimals(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _show_time(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def _show_distance(below_pct: Decimal) -> str:
    return f"{below_pct:.1f} % below the stop" if below_pct > 0 else f"{-below_pct:.1f} % above the stop"


_PAGE = """# The crash of October 2025

Written by `make crash-day`: {lots} lots in {worlds} worlds, on the candles of {products} Coinbase products from
{start} to {end} UTC, around the liquidation of the 10th. The cycle is the one that trades, with
the shipped settings and a tick every {minutes:.0f} minutes. The venue is the simulated one with its shipped spread
({spread} bps), impact ({impact} bps) and share of each bar's volume ({share} %). The candles are not part of this
repository; without them there is nothing to play, and the command says so.

The first cycle buys one lot of about {worth} USD in each product at the close before the window, with the stop and the
target of the rule `price_move up` (6 % below, 12 % above as shipped). At the venue a bracket protects it; a lot without
a target has a stop_limit. Both turn into a limit 5 % below the stop once the price reaches the stop. From then on the
kill switch says REDUCE_ONLY: nothing else is bought.

*neutral* is how the simulated venue is shipped: it meets a stop where the price crosses it. *pessimistic* lets the stop
meet the lowest price of the bar, for half the volume. A candle does not say which of the two is nearer to the truth.

## Losses

{losses}

## What was seen

{seen}

## What this cannot show

- Within a bar nobody knows the way of the price. Quotes between the ends of two bars are the last close, so a cycle
  sees nothing of a fall until its bar has ended, and by then the venue's order has been matched with the whole bar. So
  the second line (the exits `stop` and `crash`) acts only if a bar closes below the order's own limit while some of the
  lot is unsold, or in the regime crash before the stop is reached. Finer candles might tell of a minute in which it had
  to sell. What it does in a gap that lasts is tried in
  `tests/unit/desk/test_crash_day.py::test_gap_through_own_limit`.
- The spread is {spread} bps all the time. In those minutes the real one may have been wider; beyond the limits in
  `config/universe.yaml` times `exits.spread_multiple_max` the second line believes no quote and waits.
- The venue answers at once, and is never down.

## Lot by lot

`own limit` is the lowest price that the protective order takes, `lowest` the lowest of the window, `sold at` the end of
the bar that filled. `worst moment while held` is the lowest bid at the end of a cycle that left some of the lot unsold.
Times are UTC.

{tables}
"""

_SEEN = """- The stops of {passed} of {lots} lots were passed{when}.
- Sold whole by the venue's own order: {verdict.sold_by_venue}. Sold by the second line, all or a part:
  {verdict.sold_by_second_line}. Left unsold: {verdict.left}.
- Not sold whole by the end of the bar that passed their stop: {waited}.
- Prices fell below the order's own limit for {beyond} lots at some time of the window. A cycle that left some of the
  lot unsold saw such a bid for {seen}.
- Sold more than was bought: {verdict.oversold} lots. Cycles that left a lot neither covered nor being sold:
  {verdict.exposed_cycles}, of these without ringing: {verdict.silent}."""


def write_page(played: Sequence[Played], settings: Settings, window: Window) -> str:
    """Write what was seen as a page, losses first; a table like an earlier one is named, not repeated."""
    start, end = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") for at in (window.start, window.end))
    simulation, stories = settings.simulation, [story for each in played for story in each.stories]
    return _PAGE.format(
        lots=len(stories),
        worlds=len(played),
        products=assess(stories).products,
        start=start,
        end=end,
        minutes=window.seconds / 60,
        spread=simulation.spread_bps,
        impact=simulation.impact_bps,
        share=f"{simulation.volume_share_ratio * HUNDRED:.0f}",
        worth=LOT_WORTH,
        losses="\n".join(_tell_loss(each) for each in played),
        seen=_tell_seen(stories),
        tables="\n\n".join(_tell_tables(played)),
    )


def _tell_loss(played: Played) -> str:
    sales = [(each.below_stop_pct, each.product_id) for each in played.stories if each.below_stop_pct is not None]
    sold = "nothing was sold"
    if sales:
        below, product_id = max(sales)
        sold = f"the worst sale was {below:.2f} % below its stop ({product_id})"
    return (
        f"- {played.variant}: the {len(played.stories)} lots lost {played.loss:.2f} USD with all fees, "
        f"{played.loss_pct:.1f} % of what they cost; {sold}."
    )


def _tell_seen(stories: Sequence[LotStory]) -> str:
    verdict = assess(stories)
    passed = [each.passed_at for each in stories if each.passed_at is not None]
    waited = [each for each in stories if each.sales and each.passed_at and each.sales[-1].at > each.passed_at]
    beyond = [each for each in stories if each.lowest_price < each.own_limit]
    when = f", by bars that ended from {_show_time(min(passed))} to {_show_time(max(passed))}" if passed else ""
    return _SEEN.format(
        lots=len(stories),
        passed=len(passed),
        when=when,
        verdict=verdict,
        beyond=len(beyond),
        waited=len(waited),
        seen=sum(each.lowest_bid is not None and each.lowest_bid < each.own_limit for each in stories),
    )


def _tell_tables(played: Sequence[Played]) -> list[str]:
    told: dict[str, Variant] = {}
    parts = []
    for each in played:
        table = write_table(each.stories)
        same = told.setdefault(table, each.variant)
        text = table if same is each.variant else f"As {same}, row for row."
        parts.append(f"### {each.variant}\n\n{text}")
    return parts
