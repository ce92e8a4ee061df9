"""A server on this machine that takes messages, as a chat or a pager would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from pydantic import SecretStr


class Server(ThreadingHTTPServer):
    """Takes what is posted; `/slow` waits until the test is over, `/no` refuses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted: list[dict[str, Any]] = []
        self.over = Event()

    def address(self, path: str) -> SecretStr:
        return SecretStr(f"json://someone:secret@127.0.0.1:{self.server_address[1]}/{path}")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/slow"):
            self.server.over.wait(20)
        else:
            self.server.posted.append(body)
        self.send_response(500 if self.path.startswith("/no") else 200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server on this machine, for as long as the context lasts."""
    server = Server()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
