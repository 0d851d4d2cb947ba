"""Logs one line per inference request at its end, without values of headers and without bodies."""

from __future__ import annotations

import logging

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
    )
