"""HTTP to an OpenAI-compatible server: waits, tries again, and tells failures apart."""

import email.utils
import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mer_jax.asking.address import DEFAULT_KEY, Address
from mer_jax.errors import InputError, first_few

OK, REFUSED, FAILED, TOO_LONG = "ok", "refused", "failed", "too long"
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0  # seconds; doubled each time, with jitter
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_FORBIDDEN = (401, 403)
_SHOWN = 300  # characters of a body in a record
_MAX_BODY = 1 << 26  # bytes
_PIECE = 1 << 16
_LONG_WORDS = ("too long", "context length", "context_length", "maximum context", "too large")


class Reply(NamedTuple):
    """What came of one request."""

    status: str  # OK, REFUSED, FAILED or TOO_LONG
    text: str = ""
    finish_reason: str | None = None
    model: str | None = None  # as the server reports it
    usage: Mapping[str, Any] | None = None
    error: str | None = None
    attempts: int = 1
    seconds: float = 0.0


class _Refused(Exception):  # noqa: N818  not a failure of the request
    """The server will not take the request; another attempt changes nothing."""

    def __init__(self, code: int, body: str):
        super().__init__(f"status {code}: {body}")
        self.too_long = code == 413 or any(words in body.lower() for words in _LONG_WORDS)


class _Again(Exception):  # noqa: N818
    """The request may succeed later."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect may lead samples to another host, so none is followed."""

    def redirect_request(self, *_):
        return None


class Client:
    """Asks one server. `wait` takes seconds, so that tests need not sleep."""

    def __init__(
        self,
        address: Address,
        key: str | None,
        key_name: str | None = None,
        *,
        timeout: float,
        attempts: int,
        wait: Callable[[float], None] = time.sleep,
    ):
        self._address, self._key, self._key_name = address, key, key_name or DEFAULT_KEY
        self._timeout, self._attempts, self._wait = timeout, attempts, wait
        # Nothing for this machine or network goes through a proxy that the environment names.
        handlers = [urllib.request.ProxyHandler({})] if address.local else []
        self._opener = urllib.request.build_opener(_NoRedirect, *handlers)

    def check_model(self, model: str) -> None:
        """Refuses a wrong address or model name before anything is computed."""
        where = f"{self._address.url}/models"
        try:
            body, _ = self._tried("GET", "/models", None)
        except (_Refused, _Again) as error:
            raise InputError(
                f"--server: {where}: {error}; does the server run, and does its address end in /v1?"
            ) from None
        try:
            names = [str(entry["id"]) for entry in json.loads(body)["data"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                f"--server: {where} answers no list of models: {self._start(body)!r}; its address "
                "mostly ends in /v1"
            ) from None
        if model not in names:
            raise InputError(
                f"--model={model}: {where} lists no such model; it has: "
                f"{first_few(names, limit=10) or 'none'}"
            )

    def ask(self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> Reply:
        """Sends one request and reads its answer; InputError where the key is refused."""
        begun = time.monotonic()
        content = json.dumps({**parameters, "messages": messages}).encode()
        attempts = self._attempts
        try:
            body, attempts = self._tried("POST", "/chat/completions", content)
            reply = self._read(body)
        except _Refused as error:
            status = TOO_LONG if error.too_long else FAILED
            reply, attempts = Reply(status, error=str(error)), 1
        except _Again as error:
            reply = Reply(FAILED, error=str(error))
        return reply._replace(attempts=attempts, seconds=round(time.monotonic() - begun, 3))

    def _tried(self, method: str, path: str, content: bytes | None) -> tuple[str, int]:
        """The body of an answer with status 200, and the attempts it took."""
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(method, path, content), attempt
            except _Again as error:
                if attempt == self._attempts:
                    raise
                wait = error.wait
                if wait is None:  # jitter, so that parallel requests do not return together
                    wait = _FIRST_WAIT * 2 ** (attempt - 1) * (1 + random.random())
                self._wait(min(wait, _LONGEST_WAIT))
        raise AssertionError("no attempt was made")

    def _once(self, method: str, path: str, content: bytes | None) -> str:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        url = self._address.url + path
        request = urllib.request.Request(url, content, headers, method=method)
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return self._body(response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                self._raise_for(error, deadline)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise _Again(f"{type(error).__name__}: {reason}") from None
        raise AssertionError("an answer is returned or an error raised")

    def _raise_for(self, error: urllib.error.HTTPError, deadline: float) -> None:
        if error.code in _FORBIDDEN:
            raise InputError(
                f"{self._address.url} refuses the key (status {error.code}); the environment "
                f"variable {self._key_name} {'is not right' if self._key else 'is not set'}"
            ) from None
        try:
            body = self._start(self._body(error, deadline))
        except (OSError, http.client.HTTPException, _Again):
            body = ""
        if error.code in _AGAIN:
            raise _Again(f"status {error.code}: {body}", _retry_after(error.headers)) from None
        if 300 <= error.code < 400:
            body = f"redirects to {error.headers.get('Location')}; give that address by --server"
        raise _Refused(error.code, body) from None

    def _body(self, response, deadline: float) -> str:
        """The body, bounded in size, and in time too where it trickles in."""
        pieces, size = [], 0
        while piece := response.read1(_PIECE) if hasattr(response, "read1") else response.read():
            pieces.append(piece)
            size += len(piece)
            if size > _MAX_BODY:
                raise _Again(f"an answer of more than {_MAX_BODY} bytes")
            if time.monotonic() > deadline:
                raise _Again("timed out while the answer came in")
        return b"".join(pieces).decode("utf-8", errors="replace")

    def _start(self, body: str) -> str:
        """The start of a body without the key, should the server repeat it."""
        if self._key:
            body = body.replace(self._key, "***")
        return body[:_SHOWN].strip()

    def _read(self, body: str) -> Reply:
        """What a body with status 200 says; anything else than an answer is a failed one."""
        failed = Reply(FAILED, error=f"no answer in the body: {self._start(body)!r}")
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return failed
        if not isinstance(content, dict):
            return failed
        model, usage = content.get("model"), content.get("usage")
        choices = content.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
            message = str(content.get("error") or "").lower()
            is_long = any(words in message for words in _LONG_WORDS)
            return failed._replace(status=TOO_LONG if is_long else FAILED)
        message, finish = first["message"], first.get("finish_reason")
        text = _joined(message.get("content"))
        common = {
            "finish_reason": finish if isinstance(finish, str) else None,
            "model": model if isinstance(model, str) else None,
            "usage": usage if isinstance(usage, dict) else None,
        }
        refusal = message.get("refusal")
        if text is None or refusal or finish == "content_filter":
            reason = str(refusal or f"no content, finish_reason {finish}")
            return Reply(REFUSED, text or "", error=reason, **common)
        return Reply(OK, text, **common)


def _joined(content: Any) -> str | None:
    """The text of a message, whose content may be a list of parts; None where there is none."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def _retry_after(headers) -> float | None:
    """The seconds that a server asks to wait, from a number or a date."""
    value = (headers.get("Retry-After") or "").strip()
    try:
        return max(float(value), 0.0) if value else None
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None
