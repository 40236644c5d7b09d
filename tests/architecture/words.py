"""The words this code base no longer speaks, and the verbs at the head of its functions.

A trading engineer and a Python engineer should find the words they already use: docs/glossary.md has them. What is
checked are identifiers by the syntax tree; prose, REST and ``take_profit`` stay legal.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from architecture.rules import Function, Source

#: Old word → new word, wherever it names a class, a function, a variable, an attribute, an argument or a module.
OLD: Mapping[str, str] = {
    "Actor": "Executor",
    "BookStore": "SimAccountStore",
    "ConvertIntent": "ConversionIntent",
    "ConvertRecord": "ConversionRecord",
    "ConvertState": "ConversionReport",
    "ConvertStatus": "ConversionStatus",
    "Draft": "PartialDecision",
    "Effort": "BatchBreaker",
    "Facts": "CycleInputs",
    "Grant": "LeaseGrant",
    "HICCUPS": "TRANSIENT_REJECTIONS",
    "Health": "FailureStreak",
    "LAPSED": "WITHHELD or ABANDONED",
    "Lane": "RateLimitGroup",
    "Leg": "OrderPurpose",
    "Marks": "EquityMarks",
    "Measures": "Features",
    "Numbers": "Details",
    "OrderKind": "OrderConfiguration",
    "OrderState": "OrderStatusReport",
    "Pacing": "EntryPacing",
    "Patience": "TimeoutPolicy",
    "Purse": "BuyingPower",
    "RegimeMemory": "RegimeState",
    "Shelf": "LedgerItems",
    "Sighting": "Signal",
    "Streak": "LossStreak",
    "Switch": "TradingState",
    "Till": "Settlement",
    "VenueBook": "SimAccount",
    "Where": "StoreLocation",
    "after_submission": "apply_submission",
    "befall": "apply_fault",
    "closed_gates": "trading_restrictions",
    "convert_id": "conversion_id",
    "converts": "conversions",
    "door": "alias",
    "door_of": "alias_of",
    "doors": "aliases",
    "entrant": "row",
    "facts": "inputs",
    "filled_claimed": "reported_filled",
    "is_awaited": "awaits_fills",
    "is_live": "is_active",
    "lays_bare": "unprotects_lot",
    "leg": "purpose",
    "live_orders": "active_orders",
    "nearness": "distance_to_trigger",
    "of_bars": "check_bars",
    "of_market": "check_market",
    "of_metadata": "check_metadata",
    "of_quote": "check_quote",
    "over_at": "final_at",
    "purse": "buying_power",
    "quietness": "low_volatility",
    "rest_until": "cooldown_until",
    "retell": "apply_object",
    "sighting": "signal",
    "trifles": "small_items",
    "venue_convert_id": "venue_conversion_id",
    "wishes": "proposals",
    "with_convert": "with_conversion",
    "wrecked": "corrupt_reply",
}
#: Words that are legal elsewhere, and old as the name of a function or method.
OLD_FUNCTIONS: Mapping[str, str] = {
    "aggregated": "aggregate",
    "charged": "book_execution",
    "crowd": "add_many_products",
    "executed": "apply_execution",
    "fund": "reserve",
    "guard": "fill_protective",
    "intended": "remember_plan",
    "is_terminal": "is_final",
    "judged": "decode",
    "lacking": "find_missing_resources",
    "marked": "advance_equity_marks",
    "matched": "match_all",
    "pieces": "split",
    "rest": "fill_resting",
    "rewound": "rewind_order",
    "seen_at": "as_of",
    "so_far": "partial",
    "translated": "translate_errors",
    "unlisted": "unreported_quantity",
    "walk": "iterate",
    "with_marks": "mark_equity",
}
#: Words that are legal elsewhere, and old as the name of a field of one of these classes.
OLD_FIELDS: Mapping[str, Mapping[str, str]] = {
    "Candidate": {"books": "listings"},
    "Conditions": {"switch": "trading_state"},
    "CycleInputs": {"switch": "trading_state"},
    "Denial": {"numbers": "details"},
    "Ledger": {
        "books": "by_strategy",
        "closed": "closed_lots",
        "health": "failure_streak",
        "marks": "equity_marks",
        "pacing": "entry_pacing",
        "streak": "loss_streak",
    },
    "Membership": {"against": "disagreeing_cycles"},
    "OrderIntent": {"after": "depends_on", "attach": "attach_bracket", "kind": "configuration"},
    "SimAccount": {"live": "active"},
    "SimOrder": {"kind": "configuration"},
    "Trigger": {"measures": "features"},
    "Verdict": {"numbers": "details"},
}
#: Old names of modules.
OLD_MODULES: Mapping[str, str] = {
    "bodies": "wire/requests",
    "book": "account",
    "book_store": "sim_account_store",
    "budget": "limits",
    "config_yaml": "config/files",
    "converts": "conversions",
    "dispatch": "entry/events",
    "durable": "atomic_files",
    "exclusions": "universe/checks",
    "feasibility": "settings/checks",
    "finer": "resample",
    "front": "app",
    "listing": "pagination",
    "memories": "event_handlers",
    "memory": "cycle_state",
    "moments": "venue_clock",
    "place": "store",
    "purse": "funding",
    "rate": "limits",
    "readback": "submit",
    "reading": "wire/base",
    "record": "audit_record",
    "reference": "docs_tables",
    "sells": "exit_orders",
    "settings_shape": "config/validation",
    "shelf": "ledger_item",
    "sites": "locate",
    "small_world": "one_account",
    "story": "soak_world",
    "switchboard": "switch_flipper",
    "tape": "matching",
    "trigger_kinds": "triggers/signals",
    "ways": "invocation",
    "wreckage": "fault_replies",
    "yaml_tree": "config/strict_yaml",
}
#: This reads what was stored under the old words, and is the only one that may say them.
SPEAKS_OLD = ("src/trader/model/schema.py",)

#: Heads of functions: imperatives, and the questions that a boolean answers.
VERBS = frozenset(
    """
    accept acknowledge add adopt advance append apply ask assess assume authenticate await batch believe book build
    carry change check choose classify clear close commit compare compute convert corrupt count cover create decode
    delete demand deny derive describe detect edit empty encode exchange extract fill find fit floor follow forge
    forget format gather get give handle hide hold identify index insert invoke iterate join keep leave lift list load
    locate lock make mark match measure merge name note obey open parse perform place plan play prepare preview price
    print propose read rebuild recall reconcile record reduce refuse register remember reorder replace reply resolve
    rewind roll round run screen seal select set settle show spend split stamp sum summarize sweep take transform
    translate truncate turn upgrade verify withhold work write
    """.split()  # noqa: SIM905 - a list of words is read as one
)
QUESTIONS = frozenset({"awaits", "exceeds", "has", "is", "may", "permits", "why", "would"})
#: Prepositions that Python programmers read as verbs: turn into, make from.
CONVERSIONS = frozenset({"from", "to"})
#: Pure calculations are named after what they return, commands are what people type, entry points have fixed names.
NAMED_OTHERWISE = (
    "src/desk/cli/",
    "src/desk/sandbox/resample.py",
    "src/trader/indicators.py",
    "src/trader/model/codec.py",
    "src/trader/model/costs.py",
    "src/trader/model/ids.py",
    "src/trader/model/ledger.py",
    "src/trader/model/market.py",
    "src/trader/model/money.py",
    "src/trader/model/portfolio.py",
)
ENTRY_POINTS = frozenset({"handler", "main"})


def old_words(source: Source) -> list[str]:
    """Identifiers that have another name now."""
    if source.path in SPEAKS_OLD:
        return []
    stem = PurePosixPath(source.path).stem
    found = [f"{source.path}: is called {OLD_MODULES[stem]} now"] if stem in OLD_MODULES else []
    for node in source.nodes:
        old = ((word, OLD.get(word.lstrip("_"))) for word in _identifiers(node))
        found += [source.at(node, f"{word} is called {new} now") for word, new in old if new]
        if isinstance(node, Function) and node.name in OLD_FUNCTIONS:
            found.append(source.at(node, f"{node.name} is called {OLD_FUNCTIONS[node.name]} now"))
        if isinstance(node, ast.ClassDef):
            fields = OLD_FIELDS.get(node.name, {})
            found += [
                source.at(node, f"{node.name}.{each} is called {fields[each]} now") for each in _fields(node, fields)
            ]
    return found


def functions_without_a_verb(source: Source) -> list[str]:
    """Public functions of a module that do not say in the imperative what they do."""
    if source.path.startswith(NAMED_OTHERWISE):
        return []
    functions = (node for node in source.tree.body if isinstance(node, Function) and not node.name.startswith("_"))
    return [
        source.at(node, f"{node.name} has no verb at its head")
        for node in functions
        if node.name not in ENTRY_POINTS and node.name.split("_")[0] not in VERBS | QUESTIONS | CONVERSIONS
    ]


def _fields(node: ast.ClassDef, names: Mapping[str, str]) -> Iterator[str]:
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id in names:
            yield each.target.id


def _identifiers(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word) | ast.keyword(arg=str(word)):
            yield word
        case ast.FunctionDef(name=word) | ast.AsyncFunctionDef(name=word) | ast.ClassDef(name=word):
            yield word
        case ast.alias(name=word, asname=other):
            yield from word.split(".")
            if other is not None:
                yield other
