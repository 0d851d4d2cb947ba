"""A proxy that shows a server below a prefix, as one does who has many services on one name."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding"}


class Joined(ThreadingHTTPServer):
    """Ends when all its requests have; a stream of events ends with the first event that nobody reads."""

    daemon_threads = False


@contextmanager
def proxied(url: str, prefix: str) -> Iterator[str]:
    """The address at which the server appears for the time of a block: what is below `prefix` is the server's."""
    place = urlsplit(url).netloc

    class Handler(BaseHTTPRequestHandler):
        """Passes requests on, and answers as they arrive."""

        def do_GET(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            passed = http.client.HTTPConnection(place, timeout=60)
            passed.request(self.command, self.path.removeprefix(prefix.rstrip("/")), body, dict(self.headers.items()))
            answer = passed.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("connection", "close")
            self.end_headers()
            try:
                while part := answer.read1(65536):
                    self.wfile.write(part)
                    self.wfile.flush()
            except (OSError, http.client.HTTPException):
                pass  # the browser has left, or the server
            finally:
                passed.close()

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with Joined(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}{prefix.rstrip('/')}"
        serving.shutdown()
