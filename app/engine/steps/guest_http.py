"""HTTP as the guest sees it: requests are sent from the host through ports forwarded into the guest."""

from __future__ import annotations

import ipaddress
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from backends.base import Machine

BODY_LIMIT = 8 << 20
"""Bytes of an answer that are read; the rest is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer to a request."""

    status: int
    reason: str
    body: bytes
    """The first bytes, decoded from any content encoding."""


class NoAnswer(Exception):
    """There was none; the message says why."""


class GuestHttp:
    """Sends requests; a context manager that keeps its forwards open meanwhile.

    Args:
        machine: The guest from whose point of view host names and ports are meant.
    """

    def __init__(self, machine: Machine) -> None:
        self._transport = _GuestTransport(machine)
        self._client = httpx.AsyncClient(
            transport=self._transport,
            follow_redirects=True,
            trust_env=False,
            timeout=None,  # noqa: S113 - the caller has one
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send a request, follow redirects and return the last answer. The caller sets the deadline.

        Raises:
            NoAnswer: the URL makes no sense, or nobody answered.
        """
        try:
            async with self._client.stream(method, url, headers=headers, content=content) as response:
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) >= BODY_LIMIT:
                        break
                return Answer(
                    status=response.status_code, reason=response.reason_phrase, body=body[:BODY_LIMIT]
                )
        except httpx.InvalidURL as error:
            raise NoAnswer(f"the URL makes no sense: {error}") from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.ConnectError, httpx.WriteError) as error:
            raise NoAnswer(f"no answer ({str(error) or 'connection closed'})") from error
        except httpx.HTTPError as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        except OSError as error:
            raise NoAnswer(f"no answer ({error.strerror or error})") from error


class _GuestTransport(httpx.AsyncBaseTransport):
    """Leads every connection through a forwarded port, redirects to other hosts and ports included."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._stack = AsyncExitStack()
        self._ports: dict[tuple[str, int], int] = {}
        self._verified: httpx.AsyncHTTPTransport | None = None
        self._plain = httpx.AsyncHTTPTransport(verify=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in ("http", "https") or not url.host:
            raise httpx.UnsupportedProtocol(f"{str(url)!r} is no http:// or https:// URL")
        host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
        if port > 65535:
            raise httpx.UnsupportedProtocol(f"there is no port {port}")
        if (host, port) not in self._ports:
            target = "127.0.0.1" if host == "localhost" else host
            self._ports[host, port] = await self._stack.enter_async_context(
                self._machine.forward(port, target)
            )
        inner = httpx.Request(
            method=request.method,
            url=url.copy_with(host="127.0.0.1", port=self._ports[host, port]),
            headers=request.headers,  # the Host header among them, as the guest expects it
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": host},
        )
        return await self._transport_for(url).handle_async_request(inner)

    def _transport_for(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        if url.scheme == "http" or is_loopback(url.host):
            return self._plain
        if self._verified is None:
            self._verified = httpx.AsyncHTTPTransport()
        return self._verified

    async def aclose(self) -> None:
        await self._plain.aclose()
        if self._verified is not None:
            await self._verified.aclose()
        await self._stack.aclose()


def is_loopback(host: str) -> bool:
    """Whether a host name or address means the guest itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
