"""Admin endpoints, for this machine only: health, stats, journal, reset, faults; and the metrics for Prometheus."""

import ipaddress
import json
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mock_tts import errors
from mock_tts.errors import ApiError, UsageError
from mock_tts.faults import parse_faults
from mock_tts.ledger import JOURNAL_ENTRIES, Ledger
from mock_tts.replies import read_body
from mock_tts.routes.tables import Row, json_routes
from mock_tts.service import Service


def routes(service: Service) -> list[Route]:
    """All of them."""
    endpoints = _Endpoints(service)
    table: list[Row] = [
        ("GET", "/admin/health", endpoints.health),
        ("GET", "/admin/stats", endpoints.stats),
        ("GET", "/admin/requests", endpoints.requests),
        ("POST", "/admin/reset", endpoints.reset),
        ("GET", "/admin/faults", endpoints.faults),
        ("PUT", "/admin/faults", endpoints.replace_faults),
        ("POST", "/admin/faults", endpoints.replace_faults),
        ("DELETE", "/admin/faults", endpoints.clear_faults),
    ]
    registry = CollectorRegistry()
    registry.register(_LedgerCollector(service))

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def health(request: Request) -> Response:
        return JSONResponse(await endpoints.health(request))

    return [*json_routes(table, _check_local), Route("/metrics", metrics), Route("/health", health)]


def _check_local(request: Request) -> None:
    """Raises ApiError unless the caller is on this machine."""
    client = request.client
    if client is None or not is_loopback(client.host) or not _is_local_name(request.headers.get("host", "")):
        raise ApiError(errors.LOOPBACK_ONLY, "The admin endpoints answer on the loopback address only.")


def is_loopback(host: str) -> bool:
    """Whether ``host``, an address, is this machine."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _is_local_name(host: str) -> bool:
    """Whether a Host header names this machine: a web page elsewhere that resolves to 127.0.0.1 is not let in."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.strip("[]").lower()
    return name in ("", "localhost") or is_loopback(name)


class _Endpoints:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, request: Request) -> Any:
        return {"status": "ok", "uptime_s": round(self._service.uptime_s(), 3)}

    async def stats(self, request: Request) -> Any:
        slots, credits = self._service.slots, self._service.credits
        return {
            **self._service.ledger.stats(),
            "waiting": slots.waiting,
            "credits_used": credits.used,
            "uptime_s": round(self._service.uptime_s(), 3),
        }

    async def requests(self, request: Request) -> Any:
        limit = request.query_params.get("limit", str(JOURNAL_ENTRIES))
        if not (limit.isascii() and limit.isdecimal()) or len(limit) > 9:
            raise ApiError(errors.INVALID_PARAMETERS, f"limit: expected a whole number, found {limit[:50]!r}")
        return {"requests": self._service.ledger.journal(int(limit)), "capacity": JOURNAL_ENTRIES}

    async def reset(self, request: Request) -> Any:
        self._service.ledger.reset()
        self._service.faults.restore()
        self._service.credits.used = 0
        return {"status": "ok"}

    async def faults(self, request: Request) -> Any:
        return {"fault": self._service.faults.describe()}

    async def replace_faults(self, request: Request) -> Any:
        raw = await read_body(request.receive)
        try:
            plan = parse_faults(json.loads(raw), "faults")
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            raise ApiError(errors.MALFORMED_JSON, f"expected JSON with a list of faults, found: {error}") from error
        except UsageError as error:
            raise ApiError(errors.INVALID_PARAMETERS, str(error)) from error
        self._service.faults.replace(plan)
        return await self.faults(request)

    async def clear_faults(self, request: Request) -> Any:
        self._service.faults.replace(())
        return await self.faults(request)


class _LedgerCollector(Collector):
    """The ledger as Prometheus metrics, read when scraped."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> list[Metric]:
        ledger = self._service.ledger
        return [*_labelled(ledger), *_plain(ledger, self._service)]


def _labelled(ledger: Ledger) -> list[Metric]:
    metrics: list[Metric] = []
    for name, text, label, counts in (
        ("mock_tts_requests", "Requests and sockets by route.", "route", ledger.requests),
        (
            "mock_tts_responses",
            "Finished requests and sockets for speech by status, sockets by close code.",
            "status",
            ledger.statuses,
        ),
        ("mock_tts_closes", "Sockets closed, by code or side.", "code", ledger.closes),
        ("mock_tts_faults", "Faults that fired, by kind.", "kind", ledger.faults),
    ):
        metric = CounterMetricFamily(name, text, labels=[label])
        for value, count in counts.items():
            metric.add_metric([value], count)
        metrics.append(metric)
    return metrics


def _plain(ledger: Ledger, service: Service) -> list[Metric]:
    counters = (
        ("mock_tts_sent_bytes", "Bytes of answers and socket messages.", ledger.bytes_out),
        ("mock_tts_characters", "Characters asked for.", ledger.chars),
        ("mock_tts_aborted", "Requests and sockets that the client left early.", ledger.aborted),
        ("mock_tts_contexts", "Contexts opened on finished sockets.", ledger.contexts),
        ("mock_tts_generations", "Generations started on sockets.", ledger.generations),
    )
    gauges = (
        ("mock_tts_open_streams", "HTTP answers in progress.", ledger.gauges.open_streams),
        ("mock_tts_open_sockets", "WebSockets open.", ledger.gauges.open_sockets),
        ("mock_tts_open_contexts", "Contexts that take a slot.", ledger.gauges.open_contexts),
        ("mock_tts_generating", "Generations in progress.", ledger.gauges.generating),
        ("mock_tts_waiting", "Requests waiting for a slot of the plan.", service.slots.waiting),
        ("mock_tts_uptime_seconds", "Seconds since start.", service.uptime_s()),
    )
    return [
        *(CounterMetricFamily(name, text, value=value) for name, text, value in counters),
        *(GaugeMetricFamily(name, text, value=value) for name, text, value in gauges),
    ]
