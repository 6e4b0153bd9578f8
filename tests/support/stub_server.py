"""An OpenAI-compatible server on the loopback address that answers as a test says."""

import base64
import contextlib
import http.server
import io
import json
import re
import socket
import struct
import threading

from PIL import Image

MODEL = "stub-1"


class Stub:
    """The server's script and what it was asked: `reply(request, times)` gives what to do.

    `times` is how often this very request has come before. What to do is a dictionary: `status`,
    `headers`, `body` (bytes, or what becomes JSON), or `reset`: the connection breaks.
    """

    def __init__(self, reply):
        self.reply = reply
        self.requests, self.headers, self.models = [], [], [MODEL]
        self.models_status = 200
        self.times = {}
        self.url = ""
        self._lock = threading.Lock()

    def count(self, request):
        """How often a request has come before, and that it has come now."""
        key = json.dumps(request, sort_keys=True)
        with self._lock:
            self.requests.append(request)
            self.times[key] = self.times.get(key, 0) + 1
            return self.times[key] - 1


def text_of(request):
    """The texts of a request, one after the other."""
    content = request["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def images_of(request):
    """The sizes of the images of a request, each of which is decoded."""
    content = request["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    sizes = []
    for url in urls:
        kind, content = re.fullmatch(r"data:image/(jpeg|png);base64,(.*)", url).groups()
        with Image.open(io.BytesIO(base64.b64decode(content))) as image:
            assert image.format.lower() == kind
            sizes.append(image.size)
    return sizes


def says(text, finish="stop", **message):
    """A right answer with a text."""
    message = {"role": "assistant", "content": text, **message}
    return {
        "body": {
            "model": "stub-1-reported",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 2},
        }
    }


def ranks(*rankings):
    """A right answer with a ranking for each input."""
    answers = [{"name": f"text-{i}", "result": r} for i, r in enumerate(rankings, start=1)]
    return says("\n".join(map(json.dumps, answers)))


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self._send(self.server.stub.models_status,
                   {"data": [{"id": name} for name in self.server.stub.models]})  # fmt: skip

    def do_POST(self):
        stub = self.server.stub
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stub.headers.append(dict(self.headers))
        does = stub.reply(request, stub.count(request))
        if does.get("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self._send(does.get("status", 200), does.get("body", {}), does.get("headers", {}))

    def _send(self, status, body, headers=()):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client was killed
            self.wfile.write(content)

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that went away, or a connection that a test broke."""


@contextlib.contextmanager
def serving(reply):
    """A running server with a script."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stub = Stub(reply)
    server.stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
