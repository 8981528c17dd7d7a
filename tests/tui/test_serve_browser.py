"""The workbench in a real browser: headless Chromium, steered by its own protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from app.tui.terminal.model import TerminalModel

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WAIT = 120.0
FOCUSED = """new Promise((there) => {
  const look = () => document.activeElement.className.includes("xterm") ? there("yes") : setTimeout(look, 20);
  look();
})"""
"""Waits until the page's terminal has the focus."""


@asynccontextmanager
async def process(*command: str, env: dict[str, str] | None = None):
    started = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                await started.communicate()
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        await started.wait()


@asynccontextmanager
async def serving(tmp_path):
    (tmp_path / "reg" / "tests").mkdir(parents=True)
    (tmp_path / "reg" / "tests" / "greets.toml").write_text(
        '[[tests]]\nname = "greets"\nrun = "echo hello"\n'
    )
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "guide-seen").touch()
    env = {
        "VMBENCH_STATE": str(tmp_path / "state"),
        "VMBENCH_CACHE": str(tmp_path / "cache"),
        "VMBENCH_CONFIG": str(tmp_path / "config"),
        "PYTHONPATH": str(ROOT),
    }
    words = ["serve", "--port", "0", "--registry", str(tmp_path / "reg")]
    async with process(sys.executable, "-m", "app.cli.main", *words, env=env) as server:
        async with asyncio.timeout(WAIT):
            address = (await server.stdout.readline()).decode().strip()
        assert address.startswith("http://127.0.0.1:"), (await server.stderr.read()).decode()
        yield address


class Browser:
    """A page, and what its terminal was told."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.session = ""
        self.model = TerminalModel(200, 60)
        self._number = 0
        self._answers: dict[int, asyncio.Future] = {}

    async def read(self) -> None:
        async for message in self.socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said.get("result", said.get("error")))
            elif said["method"] == "Network.webSocketFrameReceived":
                frame = said["params"]["response"]
                if frame["opcode"] == 2:
                    self.model.feed(base64.b64decode(frame["payloadData"]))

    async def call(self, method: str, **params):
        self._number += 1
        self._answers[self._number] = answer = asyncio.get_running_loop().create_future()
        said = {"id": self._number, "method": method, "params": params}
        if self.session:
            said["sessionId"] = self.session
        await self.socket.send_json(said)
        async with asyncio.timeout(WAIT):
            return await answer

    async def press(self, text: str) -> None:
        for letter in text:
            await self.call("Input.dispatchKeyEvent", type="char", text=letter)

    async def value(self, script: str) -> str:
        """Return what a script comes to in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True)
        return str(answer["result"].get("value", ""))

    @property
    def shown(self) -> str:
        return "\n".join(self.model.line(n).text() for n in range(self.model.top, self.model.end))

    async def until(self, text: str) -> None:
        for _ in range(int(WAIT / 0.05)):
            if text in self.shown:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{text!r} never came; the page shows\n{self.shown}")


def windows(tmp_path) -> list[int]:
    """Return the processes that serve a window each."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"app.cli.served" in words and str(tmp_path / "reg").encode() in words:
                found.append(int(folder.name))
    return found


@asynccontextmanager
async def browser(tmp_path):
    words = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path / 'chromium'}",
        "--window-size=1400,900",
        "about:blank",
    ]
    async with process(CHROMIUM, *words) as chromium, asyncio.timeout(WAIT * 2):
        while not (found := re.search(rb"listening on (ws://\S+)", await chromium.stderr.readline())):
            pass
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(found[1].decode(), max_msg_size=0) as socket,
        ):
            page = Browser(socket)
            reader = asyncio.create_task(page.read())
            target = await page.call("Target.createTarget", url="about:blank")
            attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = attached["sessionId"]
            await page.call("Network.enable")
            await page.call("Page.enable")
            yield page
            reader.cancel()


async def test_who_does_not_know_the_token_is_refused(tmp_path) -> None:
    jar = aiohttp.CookieJar(unsafe=True)  # keeps the cookies of addresses without a name
    async with serving(tmp_path) as address, aiohttp.ClientSession(cookie_jar=jar) as client:
        home = address.partition("?")[0]
        port = home.rstrip("/").rpartition(":")[2]
        for url, headers in (
            (home, {}),
            (f"{home}?token=wrong", {}),
            (f"{home}ws", {}),
            (f"{home}static/js/textual.js", {}),
            (address, {"Host": f"evil.example:{port}"}),
            (address, {"Origin": "http://evil.example"}),
        ):
            async with client.get(url, headers=headers) as answer:
                assert answer.status == 403, url
        async with client.get(address) as answer:
            assert answer.status == 200
            assert "token=" not in str(answer.url)
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: install the package chromium")
async def test_the_workbench_in_chromium(tmp_path) -> None:
    async with serving(tmp_path) as address, browser(tmp_path) as page:
        await page.call("Page.navigate", url=address)
        await page.until("greets")
        # As wide as the page from the first frame on, and keys are taken without a click into it.
        await page.until("8 Latency  9 Doctor  0 Settings")
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await page.value(FOCUSED)
        await page.press("?")
        await page.until("Everything the registry holds")
        assert "3 Term  4 Mach" not in page.shown
        picture = await page.call("Page.captureScreenshot")
        assert len(base64.b64decode(picture["data"])) > 5000
        if kept := os.environ.get("VMBENCH_KEEP_PICTURE"):
            Path(kept).write_bytes(base64.b64decode(picture["data"]))
        # The workbench of a page that is left ends, and going back to the page makes a new one.
        (first,) = windows(tmp_path)
        await page.call("Page.navigate", url="about:blank")
        for _ in range(int(WAIT / 0.05)):
            if not windows(tmp_path):
                break
            await asyncio.sleep(0.05)
        assert not windows(tmp_path)
        page.model = TerminalModel(200, 60)
        await page.value("history.back()")
        await page.until("greets")
        assert first not in windows(tmp_path)
