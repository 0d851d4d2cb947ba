"""Logs one line per inference request at its end, without values of headers and without bodies."""

from __future__ import annotations

import logging

from modelyard.core.log import FIELDS
from modelyard.gateway.exchange import Exchange

log = logging.getLogger("modelyard.access")


def write(exchange: Exchange) -> None:
    """Log one request."""
    log.info(
        "%s %s %d %s model=%s replica=%s in=%d out=%d first_byte=%.3fs total=%.3fs id=%s",
        exchange.method,
        exchange.path,
        exchange.status,
        exchange.outcome,
        exchange.model or "-",
        exchange.replica or "-",
        exchange.bytes_in,
        exchange.bytes_out,
        max(0.0, exchange.first_byte - exchange.began),
        exchange.ended - exchange.began,
        exchange.request_id.decode(),
        extra={FIELDS: fields(exchange)},
    )


def fields(exchange: Exchange) -> dict[str, object]:
    """The fields of a line, for a log in JSON; they include the numbers of tokens."""
    seconds = {"first_byte": max(0.0, exchange.first_byte - exchange.began), "total": exchange.ended - exchange.began}
    return {
        "request_id": exchange.request_id.decode(),
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "outcome": exchange.outcome,
        "model": exchange.model or None,
        "replica": exchange.replica or None,
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
        "tokens_in": exchange.usage.tokens_in,
        "tokens_out": exchange.usage.tokens_out,
        "seconds": {name: round(value, 6) for name, value in seconds.items()},
    }
