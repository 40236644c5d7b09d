"""Every reason for not trading. The table in docs is generated from here."""

from __future__ import annotations

from enum import StrEnum

from trader.errors import DataError, MissingData, StaleData


class DenialCode(StrEnum):
    """A refusal, as SUBJECT_CONDITION; these are the only ones there are.

    ``stage`` is the first stage that gives it, ``meaning`` says in words what the numbers beside it say.
    """

    stage: str
    meaning: str

    def __new__(cls, value: str, stage: str, meaning: str) -> DenialCode:
        """Make a member that is its own text and carries its explanation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.stage = stage
        member.meaning = meaning
        return member

    NOT_TRADABLE = "NOT_TRADABLE", "universe", "the venue's status or one of its flags forbids opening a position"
    EXCLUDED = "EXCLUDED", "universe", "the asset is on universe.never_trade"
    STABLE_BASE = "STABLE_BASE", "universe", "the asset is a stable coin"
    BANNED = "BANNED", "universe", "the asset is banned until a date"
    QUOTE_ASSET_UNSUPPORTED = "QUOTE_ASSET_UNSUPPORTED", "universe", "no book of it is quoted in an asset we pay with"
    PRICE_BELOW_MIN = "PRICE_BELOW_MIN", "universe", "the price is below the tier's minimum"
    VOLUME_BELOW_MIN = "VOLUME_BELOW_MIN", "universe", "24 h volume is below the tier's minimum"
    SPREAD_EXCEEDS_MAX = "SPREAD_EXCEEDS_MAX", "universe", "the spread is wider than the tier allows"
    DEPTH_BELOW_MIN = "DEPTH_BELOW_MIN", "universe", "too little rests on the order book near the mid"
    DEPTH_MISSING = "DEPTH_MISSING", "universe", "the order book could not be read"
    LISTING_TOO_NEW = "LISTING_TOO_NEW", "universe", "listed more recently than allowed"
    PRODUCT_MISSING = (
        "PRODUCT_MISSING",
        "universe",
        "not listed by the venue, or described senselessly",
    )
    QUOTE_MISSING = "QUOTE_MISSING", "universe", "there is no best bid and ask"
    QUOTE_STALE = "QUOTE_STALE", "universe", "the quote is older than allowed, or dated in the future"
    QUOTE_CROSSED = "QUOTE_CROSSED", "universe", "the bid is at or above the ask, or a side is empty"
    DATA_MISSING = "DATA_MISSING", "universe", "there are no candles"
    DATA_MALFORMED = "DATA_MALFORMED", "universe", "a candle makes no sense"
    DATA_GAPPED = "DATA_GAPPED", "universe", "too many buckets had no trade"
    DATA_STALE = "DATA_STALE", "universe", "the newest closed candle is not there yet"
    HISTORY_TOO_SHORT = "HISTORY_TOO_SHORT", "universe", "fewer bars than the stages need"
    HYSTERESIS = "HYSTERESIS", "universe", "passes the checks, but not for enough cycles in a row yet"
    PRICE_OUTLIER = "PRICE_OUTLIER", "triggers", "the last close is far off on hardly any volume: taken for bad data"
    VOLATILITY_TOO_LOW = "VOLATILITY_TOO_LOW", "triggers", "a trigger fired in a market too quiet to mean it"
    TRIGGER_MISSING = "TRIGGER_MISSING", "triggers", "nothing happened; the numbers say how close it came"
    TRIGGERS_EXCEED_MAX = "TRIGGERS_EXCEED_MAX", "triggers", "more triggers than a cycle looks at; others were stronger"
    RULE_MISSING = "RULE_MISSING", "strategies", "no rule for a trigger of this kind and direction"
    CONFIRMATIONS_BELOW_MIN = "CONFIRMATIONS_BELOW_MIN", "strategies", "too few signs that the fall has turned"
    MOVE_BELOW_MIN = "MOVE_BELOW_MIN", "strategies", "the move is smaller than the rule asks for"
    CONVICTION_BELOW_MIN = "CONVICTION_BELOW_MIN", "strategies", "the conviction is below the threshold"
    EDGE_UNMEASURED = "EDGE_UNMEASURED", "allocation", "what it earns was never measured, and LIVE asks for that"
    EDGE_BELOW_COST = "EDGE_BELOW_COST", "allocation", "the expected edge does not pay for the round trip"
    POSITION_HELD = "POSITION_HELD", "strategies", "the strategy holds a lot of it already"
    TARGET_HELD = (
        "TARGET_HELD",
        "strategies",
        "what is held and being bought is what it wants, within its band",
    )
    STOP_TOO_SOON = "STOP_TOO_SOON", "strategies", "the stop of this lot was raised less than a day ago"
    STOP_TOO_LOW = "STOP_TOO_LOW", "strategies", "the new stop is lower, or hardly higher, than the one there is"
    STOP_TOO_HIGH = "STOP_TOO_HIGH", "strategies", "the new stop is less than a day's volatility below the bid"
    STRATEGY_FAILED = "STRATEGY_FAILED", "strategies", "the strategy raised an error, or its answer makes no sense"
    PROPOSAL_INVALID = "PROPOSAL_INVALID", "strategies", "a number or a name in the strategy's answer cannot be"
    STRATEGIES_OPPOSED = "STRATEGIES_OPPOSED", "allocation", "an exit, or a strategy's sale, of this asset goes first"
    CONVICTION_BELOW_PEER = "CONVICTION_BELOW_PEER", "allocation", "another strategy wants it with more conviction"
    SWITCH_NOT_RUN = "SWITCH_NOT_RUN", "risk", "the kill switch does not say RUN"
    LEDGER_NEWER = "LEDGER_NEWER", "risk", "a newer release wrote what this one does not know; it only exits"
    LEDGER_UNPROVEN = "LEDGER_UNPROVEN", "risk", "the books' cash is not what their fills and flows make it"
    CASH_NEGATIVE = "CASH_NEGATIVE", "risk", "the books have less than nothing of a quote asset"
    CAPITAL_MISSING = "CAPITAL_MISSING", "risk", "the venue has less cash than the books"
    PRODUCT_PAUSED = "PRODUCT_PAUSED", "risk", "an operator paused the asset"
    STRATEGY_PAUSED = "STRATEGY_PAUSED", "risk", "an operator paused the strategy"
    COMMAND_UNREAD = "COMMAND_UNREAD", "risk", "an operator's command stands that this release does not know"
    LEDGER_SIZE_EXCEEDS_MAX = "LEDGER_SIZE_EXCEEDS_MAX", "risk", "the ledger takes up half of its room, or more"
    PRODUCT_REDUCE_ONLY = "PRODUCT_REDUCE_ONLY", "risk", "ledger and venue disagree about this asset"
    TICK_STALE = "TICK_STALE", "risk", "the tick is older than allowed for entries"
    DATA_INCOMPLETE = "DATA_INCOMPLETE", "risk", "too much of the market could not be read"
    VENUE_UNHEALTHY = "VENUE_UNHEALTHY", "risk", "too many cycles failed in a row; cooling down"
    POSITION_MISSING = "POSITION_MISSING", "risk", "there is nothing of this lot to sell; we never go short"
    REGIME_CRASH = "REGIME_CRASH", "risk", "the regime's size multiplier is zero"
    REGIME_UNKNOWN = "REGIME_UNKNOWN", "risk", "the benchmark could not be read"
    EQUITY_UNKNOWN = "EQUITY_UNKNOWN", "risk", "something held has no price, or what was booked cannot be"
    MARK_STALE = "MARK_STALE", "risk", "the price of something held has not been believed for too many seconds"
    DAY_LOSS_EXCEEDS_MAX = "DAY_LOSS_EXCEEDS_MAX", "risk", "today's loss stops entries until the next UTC day"
    WEEK_LOSS_EXCEEDS_MAX = "WEEK_LOSS_EXCEEDS_MAX", "risk", "this week's loss stops entries until the next week"
    DRAWDOWN_EXCEEDS_MAX = "DRAWDOWN_EXCEEDS_MAX", "risk", "the drawdown stops entries until an operator clears it"
    DAY_TRADES_EXCEED_MAX = "DAY_TRADES_EXCEED_MAX", "risk", "enough trades for today"
    HOUR_ENTRIES_EXCEED_MAX = "HOUR_ENTRIES_EXCEED_MAX", "risk", "enough entries within an hour"
    ENTRY_TOO_SOON = "ENTRY_TOO_SOON", "risk", "too soon after the last entry into anything"
    PRODUCT_ENTRY_TOO_SOON = "PRODUCT_ENTRY_TOO_SOON", "risk", "too soon after the last entry into this asset"
    PRODUCT_COOLING = "PRODUCT_COOLING", "risk", "the asset cools down after a round trip"
    LOSSES_COOLING = "LOSSES_COOLING", "risk", "everything cools down after several losses in a row"
    PEG_UNKNOWN = "PEG_UNKNOWN", "risk", "a stable asset we hold has no price"
    PEG_BELOW_MIN = "PEG_BELOW_MIN", "risk", "a stable asset we hold has lost its peg"
    POSITIONS_EXCEED_MAX = "POSITIONS_EXCEED_MAX", "risk", "enough positions are open"
    CYCLE_ENTRIES_EXCEED_MAX = "CYCLE_ENTRIES_EXCEED_MAX", "risk", "enough entries in this cycle"
    TRADES_EXCEED_MAX = "TRADES_EXCEED_MAX", "risk", "the strategy may open no more positions in this cycle"
    ORDER_WORKING = "ORDER_WORKING", "risk", "an order for it is at the venue already"
    ORDER_IN_DOUBT = "ORDER_IN_DOUBT", "risk", "whether an earlier order for it exists is not known yet"
    POSITION_EXCEEDS_MAX = "POSITION_EXCEEDS_MAX", "risk", "the strategy's position in it is at its cap"
    PRODUCT_EXCEEDS_MAX = "PRODUCT_EXCEEDS_MAX", "risk", "all positions in it together are at their cap"
    TIER_EXCEEDS_MAX = "TIER_EXCEEDS_MAX", "risk", "its tier is at its cap"
    CORRELATED_EXCEEDS_MAX = "CORRELATED_EXCEEDS_MAX", "risk", "it and what it moves with, or may, are at their cap"
    CLUSTER_EXCEEDS_MAX = "CLUSTER_EXCEEDS_MAX", "risk", "a cluster it moves with is at its cap"
    STRATEGY_EXCEEDS_WEIGHT = "STRATEGY_EXCEEDS_WEIGHT", "risk", "the strategy uses up its weight"
    EXPOSURE_EXCEEDS_MAX = "EXPOSURE_EXCEEDS_MAX", "risk", "everything together is at its cap"
    NOTIONAL_BELOW_MIN = "NOTIONAL_BELOW_MIN", "risk", "too small to be worth an order, or to be taken by the venue"
    CAPITAL_EXCEEDED = "CAPITAL_EXCEEDED", "execution", "what is free of the quote asset is too little"
    NOTIONAL_EXCEEDS_MAX = "NOTIONAL_EXCEEDS_MAX", "execution", "more than the venue takes in one order"
    QUOTE_ASSET_MISSING = "QUOTE_ASSET_MISSING", "execution", "nothing to pay with on any of its books"
    PARENT_ENDING = "PARENT_ENDING", "execution", "what was wanted is bought, given up, or not wanted any more"
    REFUSAL_RECENT = "REFUSAL_RECENT", "execution", "the venue refused it just now; it is waited out"
    PRICE_EXCEEDS_BAND = "PRICE_EXCEEDS_BAND", "execution", "the ask is beyond what a taker may pay"


def find_data_code(error: DataError) -> DenialCode:
    """Return the code of bars that could not be read, or make no sense."""
    if isinstance(error, MissingData):
        return DenialCode.DATA_MISSING
    return DenialCode.DATA_STALE if isinstance(error, StaleData) else DenialCode.DATA_MALFORMED
