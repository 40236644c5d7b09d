"""What goes out: JSON with everything as text, and the refusals that are not JSON at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

_HTML = """<html>
  <head>
    <title>Coinbase</title>
    <meta name="robots" content="noindex">
    <style>body {{ font-family: sans-serif; }} .box {{ margin: 4em auto; width: 40em; }}</style>
  </head>
  <body>
    <div class="box">
      <h1>{title}</h1>
      <p>Please try again later. If the problem remains, contact our support.</p>
      <!-- {padding} -->
    </div>
  </body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready to be sent."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """A request that gets an error status: JSON with ``error``, ``error_details`` and ``message``."""

    def __init__(self, status: int, error: str, message: str, *, details: bool = True) -> None:
        self.status = status
        self.error = error
        self.message = message
        self.details = details
        super().__init__(f"{status} {error}: {message}")

    def reply(self) -> Reply:
        """Return the refusal as a reply in JSON."""
        body = {"error": self.error, "error_details": self.message, "message": self.message}
        if not self.details:
            del body["error_details"]
        return reply_json(body, self.status)


class Unauthorized(Exception):
    """A request whose token is refused. The client is told one word; the reason is for the log."""


def reply_json(value: object, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status, json.dumps(value, separators=(",", ":")).encode())


def reply_text(text: str, status: int) -> Reply:
    """Answer with plain text."""
    return Reply(status, text.encode(), "text/plain; charset=utf-8")


def reply_html(title: str, status: int) -> Reply:
    """Answer with a page of several kilobytes, as the edge in front of the venue does."""
    return Reply(status, _HTML.format(title=title, padding="padding " * 400).encode(), "text/html; charset=UTF-8")


def refuse_invalid(message: str) -> Refusal:
    """Refuse an argument."""
    return Refusal(400, "INVALID_ARGUMENT", message)


def refuse_value(field: str, value: str) -> Refusal:
    """Refuse a word that an enum does not know."""
    return Refusal(400, "unknown", f'parsing field "{field}": "{value}" is not a valid value')


def refuse_not_found(message: str, *, details: bool = True) -> Refusal:
    """Say that there is no such thing."""
    return Refusal(404, "NOT_FOUND", message, details=details)


_EDIT_FAILED = [{"edit_failure_reason": "ORDER_NOT_FOUND", "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON"}]

CANNED: dict[str, JsonObject] = {
    "PostOrder_insufficient_fund": {
        "success": False,
        "error_response": {
            "error": "INSUFFICIENT_FUND",
            "message": "Insufficient balance in source account",
            "error_details": "",
            "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
        },
        "order_configuration": {},
    },
    "CancelOrders_failure": {
        "results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "0000-000000-000000"}]
    },
    "EditOrder_failure": {"success": False, "errors": _EDIT_FAILED},
    "PreviewEditOrder_failure": {"errors": _EDIT_FAILED},
    "PreviewOrder_insufficient_fund": {"errs": ["PREVIEW_INSUFFICIENT_FUND"], "warning": [], "preview_id": ""},
}
