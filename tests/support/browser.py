"""A headless Chromium, driven by its DevTools protocol over a pipe: no further package needed."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 120  # a browser that says nothing for so long hangs


def find() -> str | None:
    """The browser's path, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab; what its console complains of is kept in `complaints`."""

    def __init__(self, to_browser, from_browser):
        self._to, self._from = to_browser, from_browser
        self._session = None
        self._sent = 0
        self._events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params):
        """Calls a method of the protocol and gives its result."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while (answer := self._read()).get("id") != self._sent:
            self._events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path: pathlib.Path, width: int, height: int = 900) -> None:
        """Shows a file in a window of that many pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self._events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._read())

    def evaluate(self, expression: str):
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    @property
    def complaints(self) -> list[dict]:
        """Errors and warnings of the console since the page was opened."""
        return [
            event
            for event in self._events
            if event.get("method") == "Runtime.exceptionThrown"
            or (
                event.get("method") == "Log.entryAdded"
                and event["params"]["entry"]["level"] in ("error", "warning")
            )
            or (
                event.get("method") == "Runtime.consoleAPICalled"
                and event["params"]["type"] in ("error", "warning", "assert")
            )
        ]

    def _read(self) -> dict:
        message = b""
        while not message.endswith(b"\0"):
            byte = self._from.read(1)
            assert byte, "the browser has ended"
            message += byte
        return json.loads(message[:-1])


@contextlib.contextmanager
def page(profile: pathlib.Path) -> Iterator[Page]:
    """A tab of a browser of its own, whose files lie in `profile`."""
    command = [
        find(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}",
    ]  # fmt: skip
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # The browser reads descriptor 3 and writes descriptor 4.
    redirected = f'exec timeout {SECONDS} "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["bash", "-c", redirected, "-", *command],
        pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    with process, os.fdopen(ours_out, "wb") as to_browser, os.fdopen(ours_in, "rb") as from_browser:
        try:
            yield Page(to_browser, from_browser)
        finally:
            process.terminate()
