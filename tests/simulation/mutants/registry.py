"""The faults kept on purpose: each one wrong line, put in place of the right one while a check runs.

The wrong line goes into the source of the function, which is then compiled anew: whoever holds the function has the
mutant, however it was imported, and a line that is no longer there is an error and not a mutant that does nothing.
`make mutants` shows each with the tests that catch it.
"""

from __future__ import annotations

import inspect
import random
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from trader.adapters.aws import command_slots
from trader.adapters.aws.state_store import DynamoStateStore
from trader.cycle import gather, turn, watch
from trader.cycle import run as cycle_run
from trader.model import booking, ids
from trader.model.portfolio import Portfolio
from trader.model.tallies import OrderTally
from trader.stages.execution import child_orders, exit_orders, funding, parent_orders
from trader.stages.reconcile import account


@dataclass(frozen=True)
class Edit:
    """Some lines of a function, and what stands there in the mutant."""

    function: Callable[..., Any]
    right: str
    wrong: str

    @property
    def where(self) -> str:
        """The module and the function."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the wrong lines in place of the right ones. Raises: ValueError if the right ones are not there once."""
        function, sound = self.function, self.function.__code__
        source = textwrap.dedent(inspect.getsource(function))
        count = source.count(self.right)
        if count != 1:
            raise ValueError(f"{self.where} holds {self.right!r} {count} times; a mutant needs it once")
        text = source.replace(self.right, self.wrong)
        # Compiled as its module is: the name is the one imported from __future__ above.
        flags = annotations.compiler_flag
        namespace = dict(function.__globals__)
        exec(compile(text, f"<mutant of {self.where}>", "exec", flags=flags, dont_inherit=True), namespace)
        function.__code__ = namespace[function.__name__].__code__
        try:
            yield
        finally:
            function.__code__ = sound


@dataclass(frozen=True)
class Mutant:
    """One fault we could have built in.

    ``test`` is the one in test_mutants.py that is about it; ``others`` are ordinary tests, every one of which fails
    with it.
    """

    name: str
    broken: str
    edits: tuple[Edit, ...]
    test: str
    others: tuple[str, ...]

    @property
    def where(self) -> tuple[str, ...]:
        """Every function that is changed."""
        return tuple(edit.where for edit in self.edits)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have all wrong lines in place. What is drawn at random is the same in every run."""
        random.seed(self.name)
        with ExitStack() as stack:
            for edit in self.edits:
                stack.enter_context(edit.applied())
            yield


_UNDISTURBED = "tests/simulation/test_crash_everywhere.py::test_undisturbed_story_is_sound_and_does_something"
_STRUCK = "tests/simulation/test_crash_everywhere.py::test_fault_at_any_call_ends_in_the_same_ledger"
_WIRE = "tests/simulation/test_wire_sweeps.py::test_undisturbed_story_is_sound_over_the_wire"
_TURNS = "tests/accidents/test_turns.py"
_REFUSALS = (
    "tests/property/test_refusals.py::"
    "test_no_refusal_or_crash_makes_an_id_twice_sells_a_lot_twice_or_leaves_it_bare_in_silence"
)
_TOLD = "tests/simulation/test_wire_sweeps.py::test_command_said_before_a_call_over_the_wire_is_acted_on_once"
_SAID_LATE = "tests/simulation/test_wire_sweeps.py::test_newer_command_said_while_an_older_one_is_being_written_stands"
_MET = "tests/simulation/test_wire_sweeps.py::test_tick_that_meets_a_watch_run_over_the_wire_decides"
_MEETING = "tests/simulation/test_wire_sweeps.py::test_invocations_that_meet_over_the_wire_break_nothing"

COMMIT_SKIPPED = Mutant(
    "no commit before sending",
    "Orders leave before the store remembers them.",
    (Edit(cycle_run._run, "    run.commit(phase=CyclePhase.COMMITTED)\n", ""),),
    "test_sending_before_remembering_is_seen_as_the_order_leaves",
    (f"{_UNDISTURBED}[entry]", f"{_WIRE}[entry]"),
)

IDS_AT_RANDOM = Mutant(
    "ids random",
    "Every id is a new one, as from uuid4.",
    (
        Edit(
            ids.client_order_id,
            "hashlib.sha256(parts.encode()).hexdigest()[:_ID_HEX_DIGITS]",
            "f'{__import__(\"random\").getrandbits(112):028x}'",
        ),
    ),
    "test_random_ids_are_seen_when_a_decision_is_made_again",
    (f"{_STRUCK}[entry-before]",),
)

IDS_FROM_THE_CLOCK = Mutant(
    "ids from the clock",
    "An id is made of the time at which the order was decided, not of the cycle that decided it.",
    (
        Edit(parent_orders._open, "scope, context.cycle_id, wish", "scope, context.now, wish"),
        Edit(child_orders._make_child, "scope, context.cycle_id, parent", "scope, context.now, parent"),
        Edit(exit_orders.plan_exit, "OrderPurpose.EXIT, context.cycle_id", "OrderPurpose.EXIT, context.now"),
        Edit(funding.BuyingPower.use, "scope, context.cycle_id, *parts", "scope, context.now, *parts"),
    ),
    "test_ids_from_the_clock_are_seen_when_a_tick_is_redelivered_later",
    (f"{_STRUCK}[entry-after]",),
)

DOUBT_IGNORED = Mutant(
    "in-doubt exposure ignored",
    "Risk looks away from orders of which nobody knows whether the venue has them.",
    (
        Edit(Portfolio.exposures, "if parent.may_buy:", "if False:"),
        Edit(child_orders._may_fill, "(child.is_active or", "(child.is_active and not child.is_in_doubt or"),
    ),
    "test_ignoring_doubt_is_seen_as_a_second_entry",
    (
        "tests/accidents/test_accidents.py::test_order_in_doubt_blocks_its_product",
        "tests/accidents/test_accidents.py::test_order_in_doubt_counts_in_full_for_everything_else",
    ),
)

FENCING_DROPPED = Mutant(
    "fencing condition dropped",
    "A commit needs the item to exist, and no longer the lease and the epoch under which it was read.",
    (
        Edit(
            DynamoStateStore._make_commit,
            'condition = f"#owner',
            # The other names stay in it: DynamoDB refuses values that no expression uses.
            'condition = f"attribute_exists(pk) OR #owner',
        ),
    ),
    "test_sleeper_without_a_fence_is_seen_to_write_over_what_the_other_did",
    (
        f"{_MEETING}[entry]",
        "tests/contract/test_state_store.py::test_invocation_that_lost_its_lease_cannot_commit",
    ),
)

DUPLICATES_BOOKED = Mutant(
    "fill de-duplication dropped",
    "A fill that is listed again is booked again.",
    (
        Edit(account._apply_fills, "if record.has_booked(fill):", "if False:"),
        Edit(booking.book_fill, "if record.has_booked(fill):", "if False:"),
    ),
    "test_fill_booked_twice_is_seen_in_the_ledger",
    (f"{_UNDISTURBED}[mixed]",),
)

#: What stands between the record of a decision and its orders.
_RECORD = '    run.write_audit("decision", urgent=sells, may_owe=sells or not enters)\n'
_UNTIL_SENT = (
    "    if enters and run.records.is_owing:\n"
    "        # What will not be entered is no turn of a strategy; its place in the pace comes back with it.\n"
    "        run.ledger = replace(run.ledger, strategy_runs=run.before.strategy_runs)\n"
    "    run.commit(phase=CyclePhase.COMMITTED)\n"
    "    _act(run, plan, resent)\n"
)

AUDIT_AFTER_SENDING = Mutant(
    "audit after sending",
    "The record of the decision is stored when its orders have left already.",
    (
        Edit(
            cycle_run._run,
            _RECORD + _UNTIL_SENT,
            _UNTIL_SENT + '    run.write_audit("decision")\n',
        ),
    ),
    "test_recording_after_sending_is_seen_as_the_order_leaves",
    (f"{_UNDISTURBED}[entry]", f"{_WIRE}[entry]"),
)

SWITCH_READ_ONCE = Mutant(
    "switch read once",
    "The first answer of the kill switch is believed for the rest of the cycle.",
    (
        Edit(
            gather.read_switch,
            "        return ports.kill_switch.read()\n",
            "        said = vars(ports.kill_switch)\n"
            '        if "said" not in said:\n'
            '            said["said"] = ports.kill_switch.read()\n'
            '        return said["said"]\n',
        ),
    ),
    "test_switch_that_is_read_once_is_seen_when_it_is_flipped_on_the_way_to_the_order",
    (f"{_UNDISTURBED}[entry]", f"{_WIRE}[entry]"),
)

BRACKET_BEFORE_SWITCH = Mutant(
    "bracket cancelled unasked",
    "The bracket of a lot that is to be sold is cancelled before the kill switch is asked about the sale.",
    (
        Edit(
            turn.SaleTurn.play,
            "    reason = hands.why_not_begin(",
            "    hands.cancel(before)\n    reason = hands.why_not_begin(",
        ),
    ),
    "test_bracket_that_goes_before_the_switch_was_asked_is_seen_as_a_bare_lot",
    (
        "tests/unit/cycle/test_act.py::test_bracket_stays_where_the_switch_forbids_the_sale",
        "tests/unit/cycle/test_act.py::test_halt_between_two_sales_stops_the_second_and_leaves_its_bracket",
    ),
)

PROTECTION_BEFORE_FLAGS = Mutant(
    "protection cancelled before flags were read",
    "What covers a lot goes before the product's flags, read anew, say that the sale can be taken.",
    (
        Edit(
            turn.SaleTurn.play,
            "    product = self._read_product(",
            "    hands.cancel(before)\n    product = self._read_product(",
        ),
    ),
    "test_protection_that_goes_before_the_flags_were_read_is_seen_as_a_bare_lot",
    (f"{_TURNS}::test_no_mode_that_begins_within_the_turn_leaves_a_lot_without_its_bracket[cancel_only-time]",),
)

PUT_BACK_AFTER_UNKNOWN = Mutant(
    "put back after Unknown",
    "A lot is protected again after a sale without an answer, as if that had been refused.",
    (
        Edit(
            turn.SaleTurn._sell,
            "    if not self._is_over(sale, submission):\n        return\n    self._ring",
            "    self._ring",
        ),
        Edit(
            turn.SaleTurn._find_rest,
            "rest = compute_uncovered(hands.ledger, lot, hands.settled()) if lot is not None else Quantity(0)",
            "rest = lot.quantity if lot is not None else Quantity(0)",
        ),
    ),
    "test_protection_after_an_unanswered_sale_is_seen_as_too_much_for_sale",
    (_REFUSALS,),
)

N_NOT_RAISED = Mutant(
    "n not raised",
    "The ledger does not count the orders that were made for a lot.",
    (Edit(OrderTally.count_made, "made=max(self.made, intent.n + 1)", "made=self.made"),),
    "test_number_that_does_not_rise_is_seen_as_two_orders_under_one_id",
    ("tests/unit/model/test_tallies.py::test_number_only_rises", _REFUSALS),
)

COMMAND_MISSED = Mutant(
    "command missed at the release",
    "The lease is given back whatever was said meanwhile.",
    (Edit(DynamoStateStore._commit, "release=True, heeds=True", "release=True"),),
    "test_command_that_a_release_ignores_is_seen_as_one_that_nobody_acts_on",
    (f"{_TOLD}[exit]",),
)

SLOT_GOES_BACK = Mutant(
    "slot goes back",
    "An older command takes the place of a newer one.",
    (Edit(command_slots.write_slot, "#slot < :text", "#slot <> :text"),),
    "test_slot_that_goes_back_is_seen_when_the_older_command_comes_late",
    (_SAID_LATE,),
)

COMMANDS_READ_ONCE = Mutant(
    "commands read once",
    "The commands are those of the lease, and are not read again before the first turn.",
    (Edit(cycle_run._act, "    run.renew_commands()\n", ""),),
    "test_commands_that_are_read_once_are_seen_as_an_entry_after_a_flatten",
    (f"{_TOLD}[entry]",),
)

WATCH_BELIEVES = Mutant(
    "watch run believes what it saw",
    "What a watch run read without the lease is its ledger with it.",
    (
        Edit(
            watch.run_watch,
            "run_cycle(tick, pipeline, ports)",
            'run_cycle(tick, pipeline, replace(ports, store=type("Stale", (), {'
            '"__getattr__": lambda _, name: getattr(ports.store, name), '
            '"acquire": lambda _, *how: replace(ports.store.acquire(*how), ledger=reading.ledger)})()))',
        ),
    ),
    "test_watch_run_that_believes_what_it_saw_is_seen_to_undo_a_tick",
    (f"{_MET}[watched fill]",),
)

WATCH_ENTERS = Mutant(
    "watch run enters",
    "A watch run decides all that a tick does.",
    (Edit(ids.is_tick_id, '"-" not in cycle_id', '"-" not in cycle_id or cycle_id.endswith("-watch")'),),
    "test_watch_run_that_enters_is_seen_in_the_record",
    (f"{_UNDISTURBED}[watched]", f"{_WIRE}[watched]"),
)

FLOOR_FOR_CEIL = Mutant(
    "floor for ceil",
    "What has to be converted for an entry is rounded down, to tens, and spent as if it were all there.",
    (
        Edit(funding.BuyingPower.use, "ceil_to(missing, _CENT)", "missing // 10 * 10"),
        Edit(funding.BuyingPower.find_spendable, "max(min(parent.reserve", "max(max(parent.reserve"),
    ),
    "test_rounding_down_is_seen_as_a_refusal_by_the_venue",
    (f"{_UNDISTURBED}[convert]",),
)

MUTANTS = (
    COMMIT_SKIPPED,
    IDS_AT_RANDOM,
    IDS_FROM_THE_CLOCK,
    DOUBT_IGNORED,
    FENCING_DROPPED,
    DUPLICATES_BOOKED,
    AUDIT_AFTER_SENDING,
    SWITCH_READ_ONCE,
    BRACKET_BEFORE_SWITCH,
    PROTECTION_BEFORE_FLAGS,
    PUT_BACK_AFTER_UNKNOWN,
    N_NOT_RAISED,
    COMMAND_MISSED,
    SLOT_GOES_BACK,
    COMMANDS_READ_ONCE,
    WATCH_BELIEVES,
    WATCH_ENTERS,
    FLOOR_FOR_CEIL,
)
