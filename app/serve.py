"""The workbench in a browser: textual-serve on loopback, behind a token.

Who knows the address with its token gets a cookie for it; everybody else, and every page of another site, is
refused. Nothing is fetched from anywhere else.
"""

from __future__ import annotations

import secrets
import socket
import sys

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

LOOPBACK = "127.0.0.1"
COOKIE = "vmbench"
# Textual's page asks a font service for its font; a browser that obeys this does not.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "img-src 'self' data:; connect-src 'self' ws://127.0.0.1:*"
)

# Textual's page takes keys only once somebody clicked into it, and its workbench would go on as long as the
# browser keeps a page that was left, for the case that somebody goes back to it.
_SCRIPT = """<script>
  function focusTerminal() {
    const keys = document.querySelector(".xterm-helper-textarea");
    if (keys) keys.focus(); else setTimeout(focusTerminal, 50);
  }
  addEventListener("load", focusTerminal);
  addEventListener("focus", focusTerminal);
  addEventListener("unload", () => {});
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
</script>
"""


class TokenServer(Server):
    """Serves one command's app to whoever knows the token.

    Args:
        command: The command, for a shell; each browser window gets a process of it.
        port: The port that is listened on.
        token: The token; a fresh one unless given.
    """

    def __init__(self, command: str, port: int, *, token: str = "") -> None:
        super().__init__(command, host=LOOPBACK, port=port, title="vmbench")
        self.token = token or secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """The address to open, with the token."""
        return f"{self.public_url}/?token={self.token}"

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler)

        app.middlewares.append(guard)
        return app

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        own = f"{LOOPBACK}:{self.port}"
        origin = request.headers.get("Origin", f"http://{own}")
        # Another name for this address is what a page of another site would use to get in.
        if request.host != own or origin != f"http://{own}":
            raise web.HTTPForbidden(text="vmbench: this address is not the one that was printed\n")
        given = request.query.get("token", "")
        if given and secrets.compare_digest(given.encode(), self.token.encode()):
            there = web.HTTPFound("/")
            there.set_cookie(COOKIE, self.token, httponly=True, samesite="Strict")
            raise there
        known = request.cookies.get(COOKIE, "")
        if not secrets.compare_digest(known.encode(), self.token.encode()):
            raise web.HTTPForbidden(text="vmbench: open the address with the token that was printed\n")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY
            if isinstance(response, web.Response) and response.content_type == "text/html" and response.text:
                response.headers["Cache-Control"] = "no-store"
                response.text = response.text.replace("</body>", f"{_SCRIPT}</body>")
        return response

    async def on_startup(self, app: web.Application) -> None:
        """Say where it is."""
        print(self.address, flush=True)
        print("Open it in a browser on this host. Ctrl-C ends it.", file=sys.stderr, flush=True)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback.

    Args:
        port: The port; 0 for any that is free.

    Raises:
        OSError: the port is taken.
    """
    return socket.create_server((LOOPBACK, port))


def serve(server: TokenServer, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    web.run_app(server._make_app(), sock=listening, print=None, access_log=None)
