"""What must hold after every cycle, read from outside: the venue's book, the stored texts, the audit objects.

Nothing here asks the code under test what it believes, except for the sums of a ledger it has stored.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from desk.drill.switch_flipper import permits
from desk.run import check_cash
from simulation.observed import ObservedWorld
from simulation.world import Scenario
from trader.model.capital import find_imbalance
from trader.model.codec import sha256_hex
from trader.model.ids import Asset, ClientOrderId
from trader.model.ledger import Ledger
from trader.model.money import ZERO
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.orders import SimOrder

#: An order may exceed its share of the configured capital by what the equity has grown beyond that.
_CAP_SLACK = Decimal("1.02")
#: Here what is held counts at its cost, and in the caps at the market: what has fallen since leaves more room.
_SUM_SLACK = Decimal("1.2")
_DUST = Decimal("0.002")
#: What reads the kill switch, and what ends the turn of an order: the order before it, or a commit. On either rig.
_LOOKS = frozenset({"kill_switch.read", "ssm.GetParameter"})
_SENDS = frozenset({"exchange.submit", "venue POST /orders"})
_COMMITS = frozenset({"store.commit", "dynamodb.UpdateItem", "dynamodb.TransactWriteItems"})
_TURN_ENDS = _SENDS | _COMMITS | {"venue POST /convert/trade/*"}
_PRODUCTS = frozenset({"market.products", "venue GET /products"})
#: What is read before anything is decided, and not in the middle of a turn.
_RUN_BEGINS = frozenset({"exchange.account", "market.quotes", "venue GET /best_bid_ask"})


@dataclass(frozen=True)
class AuditFile:
    """One audit object, as found: its place in the chain, what it announces, the commands it calls applied.

    ``parents`` has each parent that it plans, with the run that planned it.
    """

    digest: str
    previous: str
    parents: tuple[tuple[str, Mapping[str, Any]], ...]
    intents: tuple[Mapping[str, Any], ...]
    conversions: tuple[Mapping[str, Any], ...]
    applied: tuple[str, ...]


def records_of(world: ObservedWorld) -> Mapping[str, str]:
    """Every object of the chain by its key, stored or owed: an owed one counts until it is stored. No checkpoints."""
    stored = list_records(world.audit_texts())
    return {**world.owed_texts(), **stored}


def violations(world: ObservedWorld, largest: Decimal | None = None) -> list[str]:
    """Say what is wrong, if anything. *largest* is what the caps are measured by, if not the configured capital."""
    book, ledger = world.book(), world.ledger()
    files = [audit_file(key, text) for key, text in sorted(records_of(world).items())]
    announced = {each["client_order_id"]: each for file in files for each in file.intents}
    ours, owners = _split(world, book)
    found = [
        *_announcements(files),
        *_parents(files, ours, announced, world.scenario.settings),
        *_orders(ours, announced),
        *_lots(ours, announced),
        *_caps(ours, announced, world.scenario, largest or world.scenario.settings.app.capital),
        *(f"the owner's order {order.client_order_id} became {order.status}" for order in owners if order.final_at),
        *_conversions(book, files),
    ]
    if ledger is not None:
        found += _chain(files, ledger)
        found += [f"command {key} was applied {count} times" for key, count in applied(world).items() if count > 1]
        found += _books(world, book, ledger, ours)
    return found


def applied(world: ObservedWorld) -> Counter[str]:
    """Count, by the ids of commands, how often the record on which the ledger stands says that one was acted on."""
    files = {file.digest: file for file in (audit_file(key, text) for key, text in records_of(world).items())}
    return Counter(command for digest in chain_of(world) for command in files[digest].applied)


def unobeyed(world: ObservedWorld) -> list[str]:
    """Say which command that stands was not acted on although healthy runs have passed, and what a flatten left."""
    commands, done = world.commands(), applied(world)
    found = [
        f"command {each.command_id} was applied {done[each.command_id]} times"
        for each in commands.slots.values()
        if done[each.command_id] != 1
    ]
    return found + ([f"{each} is held under a flatten" for each in positions(world)] if is_flattening(world) else [])


def is_flattening(world: ObservedWorld) -> bool:
    """Whether a flatten stands that no resume was said after."""
    said = {slot: each.issued_at for slot, each in world.commands().slots.items()}
    return "flatten" in said and said.get("resume", said["flatten"]) <= said["flatten"]


def unprotected(world: ObservedWorld) -> set[str]:
    """Name the lots of which the venue holds more than its live sell orders cover."""
    ours, _ = _split(world, world.book())
    announced = _announced(world)
    least = {product.base: product.base_size_min for product in world.scenario.products}
    covered: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in ours:
        if order.side is Side.SELL and order.final_at is None:
            covered[_lot_of(order, announced)] += order.remaining
    held = _held(ours, announced)
    return {lot for lot, (base, quantity) in held.items() if quantity - covered[lot] >= least[base]}


def unsettled(world: ObservedWorld) -> list[str]:
    """Say what is still open although two healthy cycles have passed: doubts, missing fills, a lease."""
    ledger = world.ledger()
    assert ledger is not None
    owner = world.lease_owner()
    found = [f"the lease is still {owner}'s"] if owner else []
    found += [f"order {key} is still {record.status}" for key, record in ledger.orders.items() if record.is_in_doubt]
    ours, _ = _split(world, world.book())
    at_venue = {fill.trade_id for fill in world.book().fills if fill.venue_order_id in {o.venue_order_id for o in ours}}
    stored = {fill.trade_id for fill in world.stored_fills()}
    found += [f"fill {trade_id} of the venue was never booked" for trade_id in sorted(at_venue - stored)]
    found += _unlike_the_venue(world, ours, ledger)
    live = {order.venue_order_id for order in ours if order.final_at is None}
    believed = {record.venue_order_id for record in ledger.orders.values() if not record.status.is_final}
    return found + [f"live order {each}: venue and ledger disagree" for each in sorted(live ^ believed, key=str)]


def _held(ours: Iterable[SimOrder], announced: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Asset, Decimal]]:
    """Say what the venue has executed for each lot, purchases less sales."""
    held: dict[str, tuple[Asset, Decimal]] = {}
    for order in ours:
        lot = _lot_of(order, announced)
        _, before = held.get(lot, (order.base, ZERO))
        held[lot] = order.base, before + (order.filled if order.side is Side.BUY else -order.filled)
    return held


def _unlike_the_venue(world: ObservedWorld, ours: Iterable[SimOrder], ledger: Ledger) -> list[str]:
    """Compare each lot with what the venue executed for it; what is left of lots that are closed is dust."""
    held = _held(ours, _announced(world))
    found = []
    for key, lot in ledger.lots.items():
        _, executed = held.get(key, ("", ZERO))
        if executed != lot.quantity:
            found.append(f"lot {key}: the ledger has {lot.quantity}, the venue executed {executed}")
    left: defaultdict[str, Decimal] = defaultdict(Decimal)
    for key, (base, executed) in held.items():
        left[base] += executed if ClientOrderId(key) not in ledger.lots else ZERO
    for dust in ledger.dust:
        left[dust.base] -= dust.quantity
    return found + [f"{base}: {off} beyond lots and dust at the venue" for base, off in left.items() if off]


def working_entries(world: ObservedWorld) -> list[str]:
    """Name the purchases of ours that the venue still has on its book."""
    ours, _ = _split(world, world.book())
    return [order.client_order_id for order in ours if order.side is Side.BUY and order.final_at is None]


def positions(world: ObservedWorld) -> list[str]:
    """Name the lots of ours that the venue could still sell."""
    least = {product.base: product.base_size_min for product in world.scenario.products}
    ours, _ = _split(world, world.book())
    return [lot for lot, (base, quantity) in _held(ours, _announced(world)).items() if quantity >= least[base]]


def refusals(world: ObservedWorld) -> list[str]:
    """Name the orders that the venue refused: on an undisturbed market our rounding leaves it no reason to."""
    ledger = world.ledger()
    assert ledger is not None
    every = {record.intent.client_order_id: record for record in world.stored_orders()} | dict(ledger.orders)
    return [f"{key} was refused: {each.note}" for key, each in every.items() if each.status is OrderStatus.REJECTED]


def open_converts(world: ObservedWorld) -> list[str]:
    """Name the conversions whose outcome is still to be learnt."""
    ledger = world.ledger()
    assert ledger is not None
    return [key for key, record in ledger.conversions.items() if record.is_open]


def sent_too_early(world: ObservedWorld, order_id: str, is_same: Callable[[OrderIntent], bool]) -> list[str]:
    """Say what was missing at the moment an order left: the record, or the ledger's memory of just this."""
    stored = world.ledger()
    found = []
    if order_id not in _announced(world):
        found.append(f"{order_id} was sent without having been announced")
    record = stored.orders.get(ClientOrderId(order_id)) if stored is not None else None
    if record is None:
        found.append(f"{order_id} was sent before it was remembered")
    elif not is_same(record.intent):
        found.append(f"{order_id} was sent with another content than remembered")
    return found


def against_the_switch(
    order_id: str, purpose: OrderPurpose, word: str | None, trail: Sequence[str], *, keeps_rest: bool = False
) -> list[str]:
    """Say what the kill switch had against an order, at the moment it left; its own call is the last of the *trail*.

    An answer of the switch is good for one order: asked for after the commit that remembers the order, and after the
    order before it. Only the later orders of a turn that sells a lot rest on the answer at its beginning: each of them
    is remembered by a commit of its own, and between the two neither account nor quotes are read. The sale of a part
    follows the order that protects the rest: it was remembered before the turn.

    *word* is the last answer; None if the switch could not be read.
    """
    if _was_asked(purpose, trail[:-1], keeps_rest=keeps_rest):
        return [] if permits(word, purpose) else [f"{order_id} was sent although the kill switch last said {word}"]
    return [f"{order_id} was sent and nobody had asked the kill switch in its turn; earlier it said {word}"]


def _was_asked(purpose: OrderPurpose, trail: Sequence[str], *, keeps_rest: bool) -> bool:
    """Whether the switch was asked in the turn of an order for this purpose."""
    # The same order may be sent again and again; the next turn begins with a look at its product.
    may_be_later, is_remembered, is_resent = purpose is not OrderPurpose.ENTRY, keeps_rest, False
    calls = [name for name in trail if name not in ("clock.now", "exchange.fills")]
    for place in range(len(calls) - 1, -1, -1):
        name = calls[place]
        if name in _LOOKS:
            return True
        if name == "exchange.account" and place and calls[place - 1] == "exchange.cancel":
            # What became of more than two orders is read from the whole account, in the middle of a turn.
            continue
        is_resent = is_resent and name not in _PRODUCTS
        if name in _COMMITS and may_be_later:
            is_remembered = True
        elif name in _SENDS and may_be_later and (is_remembered or is_resent):
            is_remembered, is_resent = False, True
        elif name in _TURN_ENDS or name in _RUN_BEGINS:
            return False
    return False


def convert_too_early(
    world: ObservedWorld, body: Mapping[str, Any], word: str | None, trail: Sequence[str], *, moves: bool
) -> list[str]:
    """Say what was missing at the moment a conversion was quoted or committed; *word* is the switch's last answer.

    Only the commit *moves* money, and only then must it still be open: a quote is good for nothing by itself, and who
    was overtaken meanwhile cannot remember it. The amount is told with the quote; so is the switch asked before that.
    """
    sides, amount = (body["from_account"], body["to_account"]), None if moves else Decimal(body["amount"])

    def is_this(source: str, target: str, of: Decimal) -> bool:
        return (source, target) == sides and amount in (None, of)

    ledger = world.ledger()
    announced = [each for key, text in records_of(world).items() for each in audit_file(key, text).conversions]
    remembered = (
        [each for each in ledger.conversions.values() if each.is_open or not moves] if ledger is not None else []
    )
    found = []
    if not any(is_this(each["source"], each["target"], Decimal(each["amount"])) for each in announced):
        found.append(f"a conversion of {sides} was sent without having been announced")
    if not any(is_this(each.intent.source, each.intent.target, each.intent.amount) for each in remembered):
        found.append(f"a conversion of {sides} was sent before it was remembered")
    if not moves:
        return [*found, *against_the_switch(f"a conversion of {sides}", OrderPurpose.ENTRY, word, trail)]
    return (
        found
        if permits(word, OrderPurpose.ENTRY)
        else [*found, f"{sides} were converted, the kill switch last said {word}"]
    )


def against_cancels(
    world: ObservedWorld, order_ids: Iterable[str], word: str | None, trail: Sequence[str]
) -> list[str]:
    """Say what is wrong with a cancellation as it leaves: an order is not ours, or it is the bracket of a lot that is
    held, and the kill switch was not asked in its turn whether the lot may be sold.
    """
    ours, _ = _split(world, world.book())
    known, held = {order.venue_order_id: order for order in ours}, set(positions(world))
    announced = _announced(world)
    found = []
    for each in order_ids:
        order = known.get(each)
        if order is None:
            found.append(f"order {each} is to be cancelled and is not ours")
        elif order.configuration is OrderConfiguration.BRACKET_GTC and _lot_of(order, announced) in held:
            found += against_the_switch(f"the end of bracket {each}", OrderPurpose.EXIT, word, trail)
    return found


# --- parts


def list_records(texts: Mapping[str, str]) -> dict[str, str]:
    """Leave out the checkpoints, which lie in the same bucket and are no objects of the chain."""
    return {key: text for key, text in texts.items() if not key.startswith("checkpoints/")}


@lru_cache(maxsize=4096)
def audit_file(key: str, text: str) -> AuditFile:
    """Read one object of the audit log."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["event"] == "ObjectOpened"
    assert lines[0]["key"] == key
    intended = [line["body"] for line in lines if line["event"] == "OrderIntended"]
    return AuditFile(
        sha256_hex(text),
        lines[0]["previous"],
        tuple((line["cycle"], line["body"]["parent"]) for line in lines if line["event"] == "ParentPlanned"),
        tuple(body["intent"] for body in intended if "intent" in body),
        tuple(body["conversion"] for body in intended if "conversion" in body),
        tuple(line["body"]["command"]["command_id"] for line in lines if line["event"] == "CommandApplied"),
    )


def _announced(world: ObservedWorld) -> dict[str, Mapping[str, Any]]:
    files = (audit_file(key, text) for key, text in records_of(world).items())
    return {each["client_order_id"]: each for file in files for each in file.intents}


def _split(world: ObservedWorld, book: SimAccount) -> tuple[list[SimOrder], list[SimOrder]]:
    prefix = world.scenario.settings.execution.order_prefix
    every = [*book.active.values(), *book.finished.values()]
    ours = [order for order in every if order.root.startswith(prefix)]
    return ours, [order for order in every if not order.root.startswith(prefix)]


def _lot_of(order: SimOrder, announced: Mapping[str, Mapping[str, Any]]) -> str:
    found = announced.get(order.root)
    return str(found["lot_id"]) if found is not None else str(order.root)


def _parents(
    files: Iterable[AuditFile],
    ours: Iterable[SimOrder],
    announced: Mapping[str, Mapping[str, Any]],
    settings: Settings,
) -> list[str]:
    """Only a tick opens a parent, not too many of them, and nothing is bought that no parent wants.

    Only ids of ticks are nothing but an instant.
    """
    opened, wanted = dict[str, str](), defaultdict[str, Decimal](Decimal)
    for run, parent in (each for file in files for each in file.parents):
        key = parent["parent_id"]
        opened.setdefault(key, run)
        wanted[key] = max(wanted[key], Decimal(parent["quantity"]))
    found = [f"parent {key} was opened by {run}, which is no tick" for key, run in opened.items() if "-" in run]
    bought = defaultdict[str, Decimal](Decimal)
    for order in ours:
        # What release 0.2.0 announced had no parent, and no number among those of its wish.
        if order.side is Side.BUY and "n" in announced.get(order.root, {"n": 0}):
            bought[_lot_of(order, announced)] += order.filled + (order.remaining if order.final_at is None else ZERO)
    found += [f"lot {lot} has no parent" for lot in bought.keys() - opened.keys()]
    # What one run announced and never committed, another may decide anew.
    each_cycle = Counter(opened[lot] for lot in bought.keys() & opened.keys())
    most = settings.risk.entries_per_cycle_max
    found += [f"{count} parents of one cycle, {run}" for run, count in each_cycle.items() if count > most]
    return found + [
        f"parent {lot}: {amount} is bought and open, {wanted[lot]} was wanted at most"
        for lot, amount in bought.items()
        if amount > wanted[lot]
    ]


def _decision_of(intent: Mapping[str, Any]) -> tuple[str, ...]:
    lot = "" if intent["purpose"] == OrderPurpose.ENTRY else intent["lot_id"]
    names = ("cycle_id", "strategy", "product_id", "side", "purpose", "n")
    return (*(str(intent.get(name)) for name in names), lot)


def _announcements(files: Iterable[AuditFile]) -> list[str]:
    ids: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for file in files:
        for intent in file.intents:
            ids[_decision_of(intent)].add(intent["client_order_id"])
    return [f"one decision, {len(names)} ids: {decision}" for decision, names in ids.items() if len(names) > 1]


def _orders(ours: Iterable[SimOrder], announced: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    seen: Counter[tuple[str, ...]] = Counter()
    for order in ours:
        intent = announced.get(order.root)
        if intent is None:
            found.append(f"order {order.root} at the venue was never announced")
            continue
        if order.filled > Decimal(intent["quantity"]) or order.quantity > Decimal(intent["quantity"]):
            found.append(f"order {order.client_order_id} exceeds its intent of {intent['quantity']}")
        if (order.limit_price, order.stop_price) != _prices(intent, attached=order.parent is not None):
            found.append(f"order {order.client_order_id} has other prices than announced for {order.root}")
        if order.parent is None:
            seen[_decision_of(intent)] += 1
    return found + [f"{count} orders for one decision: {each}" for each, count in seen.items() if count > 1]


def _prices(intent: Mapping[str, Any], *, attached: bool) -> tuple[Decimal, Decimal | None]:
    """Limit and stop as announced: those of the order, or of the bracket it carries."""
    if attached:
        return Decimal(intent["bracket"]["target_price"]), Decimal(intent["bracket"]["stop_price"])
    stop = intent.get("stop_price")
    return Decimal(intent["limit_price"]), None if stop is None else Decimal(stop)


def _lots(ours: Iterable[SimOrder], announced: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Check sales against purchases, lot by lot."""
    bought, sold, selling = (defaultdict[str, Decimal](Decimal) for _ in range(3))
    for order in ours:
        lot = _lot_of(order, announced)
        if order.side is Side.BUY:
            bought[lot] += order.filled
        else:
            sold[lot] += order.filled
            selling[lot] += order.remaining if order.final_at is None else ZERO
    return [
        f"lot {lot}: {sold[lot]} sold and {selling[lot]} for sale of {bought[lot]} bought"
        for lot in sold
        if sold[lot] + selling[lot] > bought[lot]
    ]


def _caps(
    ours: Iterable[SimOrder], announced: Mapping[str, Mapping[str, Any]], scenario: Scenario, capital: Decimal
) -> list[str]:
    """Check what is held and wanted against the caps: of one asset, of a cluster, of all; and how many there are."""
    settings = scenario.settings
    left, bought, cost = (defaultdict[str, Decimal](Decimal) for _ in range(3))
    live = set[str]()
    bases: dict[str, str] = {}
    for order in ours:
        lot = _lot_of(order, announced)
        bases[lot] = order.base
        if order.side is Side.SELL:
            left[lot] -= order.filled
            continue
        amount = order.filled + (order.remaining if order.final_at is None else ZERO)
        left[lot] += amount
        bought[lot] += amount
        cost[lot] += amount * order.limit_price
        live |= {lot} if order.final_at is None else set()
    wanted, entries = defaultdict[str, Decimal](Decimal), Counter[str]()
    for lot, base in bases.items():
        # A child that bought nothing has no say in what a lot is worth.
        wanted[base] += left[lot] * cost[lot] / bought[lot] if bought[lot] else ZERO
        # One that wants a weight may hold several lots of it, and buys for one of them.
        entries[base] += lot in live or (left[lot] >= _DUST and scenario.answers is None)
    risk = settings.risk
    # A weight is bought up again after a fall: what was dearer counts at what it is worth by then, here at its price.
    slack = _CAP_SLACK if scenario.answers is None else _SUM_SLACK
    groups = [(base, {base}, min(risk.position_pct_max, risk.product_pct_max), slack) for base in wanted]
    groups += [
        (name, set(each.bases), each.allocation_max_pct, _SUM_SLACK)
        for name, each in settings.universe.clusters.items()
    ]
    groups.append(("all assets", set(wanted), risk.total_pct_max, _SUM_SLACK))
    found = [f"{count} entries into {base} at once" for base, count in entries.items() if count > 1]
    for name, members, pct, allowed in groups:
        amount, cap = sum((wanted[base] for base in members & wanted.keys()), ZERO), capital * pct / 100
        if amount > cap * allowed:
            found.append(f"{amount} of {name} is held or wanted, the cap is {cap}")
    if (positions := sum(entries.values())) > risk.open_positions_max:
        found.append(f"{positions} positions are open or wanted, the cap is {risk.open_positions_max}")
    return found


def _conversions(book: SimAccount, files: Iterable[AuditFile]) -> list[str]:
    announced = {each["conversion_id"] for file in files for each in file.conversions}
    done = Counter(each.conversion_id for each in book.conversions.values() if each.done_at is not None)
    found = [f"conversion {key} was never announced" for key in done if key not in announced]
    return found + [f"conversion {key} was done {count} times" for key, count in done.items() if count > 1]


def chain_of(world: ObservedWorld) -> list[str]:
    """The digests of the objects that the ledger stands on, newest first; none before the first commit."""
    ledger = world.ledger()
    files = {file.digest: file for file in (audit_file(key, text) for key, text in records_of(world).items())}
    return [] if ledger is None else _walked(files, ledger.audit_head)


def _walked(by_digest: Mapping[str, AuditFile], head: str) -> list[str]:
    found: list[str] = []
    while head in by_digest and len(found) <= len(by_digest):
        found.append(head)
        head = by_digest[head].previous
    return found


def _chain(files: Iterable[AuditFile], ledger: Ledger) -> list[str]:
    by_digest = {file.digest: file for file in files}
    chain = _walked(by_digest, ledger.audit_head)
    head = by_digest[chain[-1]].previous if chain else ledger.audit_head
    if head:
        return [f"the audit chain breaks after {len(chain)} objects, at {head}"]
    return [] if chain or not ledger.orders else ["the ledger has orders and no audit chain"]


def _books(world: ObservedWorld, book: SimAccount, ledger: Ledger, ours: Iterable[SimOrder]) -> list[str]:
    ids = {order.venue_order_id for order in ours}
    at_venue = {fill.trade_id: fill for fill in book.fills if fill.venue_order_id in ids}
    stored: dict[str, Fill] = {fill.trade_id: fill for fill in world.stored_fills()}
    booked = Counter(fill.trade_id for record in ledger.orders.values() for fill in record.fills)
    found = [f"fill {trade_id} was booked {count} times" for trade_id, count in booked.items() if count > 1]
    found += [
        f"fill {each} is in the ledger and was not stored with it" for each in sorted(booked.keys() - stored.keys())
    ]
    found += [
        f"fill {each} was stored and is not the venue's"
        for each, fill in stored.items()
        if at_venue.get(fill.trade_id) != fill
    ]
    found += [
        f"{asset}: cash is off by {difference}" for asset, difference in find_imbalance(ledger).items() if difference
    ]
    check = check_cash(world.scenario.settings.app.capital, stored.values(), ledger)
    if check.difference:
        found.append(f"cash is {check.actual}, the stored fills say {check.expected}")
    return found
