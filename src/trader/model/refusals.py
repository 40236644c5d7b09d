"""What a refusal of the venue means for us: the one table of its reasons, by what we do about them.

================  =====================================================================================================
class             what follows
================  =====================================================================================================
``MARKET``        the market moved or was not there: a try, and the only class that counts as one
``MARKET_STATE``  the book takes no such order now: its flags are read again; what protects stays, or comes back
``FUNDS``         the money or the coins are not free: waited for after a cancellation of our own
``METADATA``      increments or sizes are others than we know: read again, sent once more in the same cycle
``PERMISSION``    this account may not: entries into the asset end until a person looks
``DUPLICATE``     the id is known: doubt, and never a try
``EDGE``          the venue's own trouble, or a word nobody knows: like no venue at all
================  =====================================================================================================

All but ``MARKET`` and ``DUPLICATE`` are waited out, longer each time, for each lot or wish, purpose and class.
"""

from __future__ import annotations

from collections.abc import Mapping

from trader.model.unknown import OpenEnum


class RefusalClass(OpenEnum):
    """What kind of refusal it is; the table above says what follows."""

    MARKET = "MARKET"
    MARKET_STATE = "MARKET_STATE"
    FUNDS = "FUNDS"
    METADATA = "METADATA"
    PERMISSION = "PERMISSION"
    DUPLICATE = "DUPLICATE"
    EDGE = "EDGE"


#: A stop or a bracket that does not fit the market or itself. Of a lot whose price is through its stop that is the
#: market's doing; of any other it says that we know the product wrongly.
PRICE_RELATIONS = frozenset(
    {
        "ATTACHED_STOP_LOSS_PRICE_TOO_HIGH",
        "ATTACHED_STOP_LOSS_PRICE_TOO_LOW",
        "ATTACHED_TAKE_PROFIT_PRICE_TOO_HIGH",
        "ATTACHED_TAKE_PROFIT_PRICE_TOO_LOW",
        "BRACKET_LIMIT_PRICE_OUT_OF_BOUNDS",
        "INVALID_ATTACHED_STOP_LOSS_PRICE",
        "INVALID_ATTACHED_STOP_LOSS_PRICE_OUT_OF_BOUNDS",
        "INVALID_ATTACHED_STOP_LOSS_PRICE_OUT_OF_BOUNDS_ON_AGGRESSIVE_ORDER",
        "INVALID_ATTACHED_TAKE_PROFIT_PRICE",
        "INVALID_ATTACHED_TAKE_PROFIT_PRICE_EXCEEDS_MAX_DISTANCE_FROM_ORIGINATING_PRICE",
        "INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS",
        "INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS_ON_AGGRESSIVE_ORDER",
        "INVALID_BRACKET_LIMIT_PRICE",
        "INVALID_BRACKET_PRICES",
        "INVALID_BRACKET_STOP_TRIGGER_PRICE",
        "INVALID_STOP_PRICE",
        "STOP_LOSS_PRICE_TOO_HIGH",
        "STOP_LOSS_PRICE_TOO_LOW",
        "STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
        "STOP_PRICE_ABOVE_LIMIT_PRICE",
        "STOP_PRICE_BELOW_LAST_TRADE_PRICE",
        "STOP_PRICE_BELOW_LIMIT_PRICE",
        "STOP_TRIGGER_PRICE_OUT_OF_BOUNDS",
        "TAKE_PROFIT_PRICE_TOO_HIGH",
        "TAKE_PROFIT_PRICE_TOO_LOW",
    }
)

_BY_CLASS: Mapping[RefusalClass, frozenset[str]] = {
    RefusalClass.MARKET: frozenset(
        {
            "BREACHED_PRICE_LIMIT",
            "INVALID_LIMIT_PRICE",
            "INVALID_LIMIT_PRICE_POST_ONLY",
            "INVALID_NO_LIQUIDITY",
            "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY",
            "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL",
            "LIMIT_PRICE_TOO_FAR_FROM_MARKET",
            "STOP_ALREADY_TRIGGERED",
            "STOP_TRIGGERED",
        }
    ),
    RefusalClass.MARKET_STATE: frozenset(
        {
            "BREACHED_OPEN_INTEREST_LIMIT",
            "CLOSE_ONLY_FAILURE",
            "FOK_DISABLED",
            "INELIGIBLE_PAIR",
            "INVALID_EQUITY_TRADING_SESSION",
            "INVALID_FCM_TRADING_SESSION",
            "INVALID_PRODUCT_ID",
            "MARKET_ORDERS_PROHIBITED_DURING_NON_CORE_SESSION",
            "NOTIONAL_ORDERS_PROHIBITED_DURING_NON_CORE_SESSION",
            "NOT_ALLOWED_BY_MARKET_STATE",
            "ORDER_ENTRY_DISABLED",
            "PRODUCT_TRADING_HALTED",
            "TRADING_DISABLED",
            "UNTRADABLE_PRODUCT",
        }
    ),
    RefusalClass.FUNDS: frozenset(
        {
            "BRACKET_ORDER_SIZE_EXCEEDS_POSITION",
            "HOLD_FAILURE",
            "INSUFFICIENT_FUND",
            "INSUFFICIENT_FUNDS",
            "INSUFFICIENT_FUNDS_FOR_FUTURES",
            "INSUFFICIENT_LEDGER_BALANCE",
            "INVALID_LEDGER_BALANCE",
            "OPEN_BRACKET_ORDERS",
            "ORDER_SIZE_EXCEEDS_BRACKETED_POSITION",
            "REJECT_REASON_INSUFFICIENT_FUNDS",
        }
    ),
    RefusalClass.METADATA: frozenset(
        {
            "ATTACHED_ORDERS_ONLY_ALLOWED_ON_MARKET_LIMIT",
            "ATTACHED_ORDER_MUST_HAVE_POSITIVE_PRICES",
            "ATTACHED_ORDER_SIZE_MUST_BE_NIL",
            "BELOW_MIN_SIZE_FOR_DURATION",
            "BRACKET_ORDER_NOT_SUPPORTED",
            "BUCKET_SIZE_SMALLER_THAN_BASE_MIN",
            "BUCKET_SIZE_SMALLER_THAN_QUOTE_MIN",
            "DURATION_TOO_LARGE",
            "DURATION_TOO_SMALL",
            "END_TIME_AFTER_CONTRACT_EXPIRATION",
            "END_TIME_IS_IN_THE_PAST",
            "END_TIME_TOO_FAR_IN_FUTURE",
            "FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS",
            "FRACTIONAL_ORDERS_NOT_ALLOWED_FOR_PRODUCT",
            "FUTURES_AFTER_HOUR_INVALID_ORDER_TYPE",
            "FUTURES_AFTER_HOUR_INVALID_TIME_IN_FORCE",
            "GTD_ORDERS_MUST_HAVE_END_TIME",
            "ICEBERG_ORDERS_NOT_SUPPORTED",
            "INTX_FOK_ONLY_ALLOWED_ON_LIMIT_AND_MARKET_ORDERS",
            "INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION",
            "INVALID_ATTACHED_TAKE_PROFIT_PRICE_PRECISION",
            "INVALID_ATTACHED_TAKE_PROFIT_SIZE_BELOW_MIN",
            "INVALID_BASE_SIZE_TOO_LARGE",
            "INVALID_BASE_SIZE_TOO_SMALL",
            "INVALID_BRACKET_LIMIT_PRICE_PRECISION",
            "INVALID_BRACKET_ORDER_SIDE",
            "INVALID_END_TIME",
            "INVALID_INTX_CLIENT_ORDER_ID",
            "INVALID_LIMIT_PRICE_PRECISION",
            "INVALID_NBBO_ASK_PRICE",
            "INVALID_NBBO_BID_PRICE",
            "INVALID_ORDER_CONFIG",
            "INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL",
            "INVALID_ORDER_TYPE_FOR_ATTACHED",
            "INVALID_PEG_OFFSET",
            "INVALID_PEG_VENUE_OPTIONS",
            "INVALID_PEG_WIG_LEVEL",
            "INVALID_PRICE_PRECISION",
            "INVALID_PRICE_TOO_LARGE",
            "INVALID_QUOTE_SIZE_PRECISION",
            "INVALID_QUOTE_SIZE_TOO_LARGE",
            "INVALID_QUOTE_SIZE_TOO_SMALL",
            "INVALID_REQUEST",
            "INVALID_RFQ_BASE_SIZE_TOO_LARGE",
            "INVALID_RFQ_BASE_SIZE_TOO_SMALL",
            "INVALID_RFQ_QUOTE_SIZE_TOO_LARGE",
            "INVALID_RFQ_QUOTE_SIZE_TOO_SMALL",
            "INVALID_SETTLEMENT_CURRENCY",
            "INVALID_SIDE",
            "INVALID_SIZE_PRECISION",
            "INVALID_STOP_PRICE_PRECISION",
            "INVALID_STOP_TRIGGER_PRICE_PRECISION",
            "MAX_NOTIONAL_PER_ORDER_BREACHED_15C35_CHECK",
            "MAX_SHARES_PER_ORDER_BREACHED_15C35_CHECK",
            "NBBO_NOT_PROVIDED",
            "NON_NUMERIC_ORDER_SIZE",
            "NOTIONAL_SIZE_BREACHES_FRACTIONAL_MINIMUM",
            "PEG_INVALID_ORDER_TYPE",
            "POST_ONLY_NOT_ALLOWED_WITH_FOK",
            "POST_ONLY_NOT_ALLOWED_WITH_PEG",
            "PREDICTIONS_HIGH_PRICE_CONTRACTS_BLOCKED",
            "PREDICTIONS_QUOTE_SIZE_BELOW_MIN_CONTRACT_PRICE",
            "PRICE_NOT_ALLOWED_FOR_MARKET_ORDERS",
            "QUOTE_ORDERS_NOT_ALLOWED_FOR_PRODUCT",
            "QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET",
            "REDUCE_ONLY_INCREASED_POSITION_SIZE",
            "REDUCE_ONLY_NOT_ALLOWED_ON_SPOT_PRODUCTS",
            "REDUCE_ONLY_NOT_ALLOWED_ON_VENUE",
            "REPLACE_NOT_SUPPORTED",
            "SCALED_MAX_ORDER_VIOLATION",
            "SCALED_MIN_ORDER_VIOLATION",
            "SCALED_PARAM_DISCREPANCY",
            "SCALED_PARAM_INFEASIBLE",
            "SINGLE_LEGGED_TPSL_NOT_ALLOWED",
            "START_TIME_MUST_BE_SPECIFIED",
            *PRICE_RELATIONS,
        }
    ),
    RefusalClass.PERMISSION: frozenset(
        {
            "ASSET_BALANCE_INCREASE_REJECT",
            "BREACHED_ACCOUNT_POSITION_LIMIT",
            "BREACHED_COMPANY_POSITION_LIMIT",
            "BREACHED_RISK_LIMIT",
            "COMPLIANCE_PURCHASE_LIMIT_EXCEEDED",
            "ECOSYSTEM_LEVERAGE_UTILIZATION_BREACHED",
            "GEOFENCING_RESTRICTION",
            "INVALID_COMMISSION_CONFIGURATION",
            "INVALID_LEVERAGE",
            "INVALID_MARGIN_HEALTH",
            "INVALID_MARGIN_TYPE",
            "INVALID_UNSUPPORTED_INSTRUMENT",
            "IN_LIQUIDATION",
            "MAX_DAILY_VOLUME_NOTIONAL_BREACHED",
            "OPPOSITE_MARGIN_TYPE_EXISTS",
            "PERMISSION_DENIED",
            "POSITION_SIZE_INCREASE_REJECT",
            "UBO_HIGH_LEVERAGE_NOTIONAL_BREACHED",
            "UBO_HIGH_LEVERAGE_QUANTITY_BREACHED",
            "UNSUPPORTED_ORDER_CONFIGURATION",
            "UNTRADABLE_FCM_ACCOUNT_STATUS",
        }
    ),
    RefusalClass.DUPLICATE: frozenset({"DUPLICATE_CLIENT_ORDER_ID"}),
    RefusalClass.EDGE: frozenset(
        {
            "COMMANDER_REJECTED_NEW_ORDER",
            "MISSING_COMMISSION_RATE",
            "MISSING_MARKET_TRADE_DATA",
            "MISSING_PRODUCT_PRICE_BOOK",
            "ORDER_IS_PENDING_CANCEL",
            "RATE_LIMIT_EXCEEDED",
            "RISK_PROXY_FAILURE",
            "TOO_MANY_OPEN_ORDERS",
            "TOO_MANY_PENDING_REPLACES",
            "UNKNOWN_FAILURE_REASON",
        }
    ),
}

#: Every reason the venue knows, without the PREVIEW_ that it often wears.
REFUSALS: Mapping[str, RefusalClass] = {word: kind for kind, words in _BY_CLASS.items() for word in words}

#: Sentences that the venue says instead of a reason, by how they begin.
_SENTENCES: Mapping[str, RefusalClass] = {
    "account is not available": RefusalClass.PERMISSION,
    "insufficient balance": RefusalClass.FUNDS,
    "invalid product_id": RefusalClass.MARKET_STATE,
    "missing required scopes": RefusalClass.PERMISSION,
    "source is not enabled": RefusalClass.PERMISSION,
    "target account not tradable": RefusalClass.PERMISSION,
}


def classify_refusal(reason: str) -> RefusalClass:
    """Look up what a reason of the venue means; a word that nobody knows is the venue's own trouble."""
    return _find_refusal(reason) or RefusalClass.EDGE


def is_known_refusal(reason: str) -> bool:
    """Tell whether this is a word or a sentence of the venue that we have met before."""
    return _find_refusal(reason) is not None


def _find_refusal(reason: str) -> RefusalClass | None:
    said = reason.lower()
    sentence = next((kind for begin, kind in _SENTENCES.items() if said.startswith(begin)), None)
    return REFUSALS.get(reason.removeprefix("PREVIEW_"), sentence)
