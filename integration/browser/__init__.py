"""A real browser, headless, on a page that follows a topic (page.html) and tells what it gets."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

from servers import die_with_parent

PAGE = Path(__file__).with_name("page.html")
OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # it cannot have one where root runs it, or in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",  # without it a headless browser ends once the page is loaded
]


class Page:
    """Serves page.html, on an origin that is not Furrow's, and keeps what the page tells."""

    def __init__(self):
        self.told: list[dict] = []
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(200 if self.path.startswith("/page?") else 404, PAGE.read_bytes())

            def do_POST(self):
                page.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(200, b"")

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def origin(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server.server_port}"

    def url(self, host: str = "127.0.0.1", **parameters: str) -> str:
        return f"{self.origin(host)}/page?{urlencode(parameters)}"

    def records(self, who: str) -> list[dict]:
        return [one["data"] for one in self.told if (one["who"], one["what"]) == (who, "record")]

    def summary(self) -> str:
        counts = Counter(f"{one['who']} {one['what']}" for one in self.told)
        return ", ".join(f"{count} × {what}" for what, count in counts.items())

    def count(self, who: str, what: str) -> int:
        return sum((one["who"], one["what"]) == (who, what) for one in self.told)


class Chromium:
    """A browser with a profile of its own in `folder`, on one page."""

    def __init__(self, folder: Path, url: str):
        program = shutil.which("chromium")
        assert program, "there is no chromium: integration/setup installs Debian's package"
        self.output = folder / "chromium.log"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [program, *OPTIONS, f"--user-data-dir={folder / 'profile'}", url],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "HOME": str(folder)},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def wait_for(self, condition, page: Page, what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            code = self.process.poll()
            assert code is None, f"chromium ended, exit code {code}\n{self.tail()}"
            assert time.monotonic() < deadline, (
                f"no {what} in {seconds} s\nthe page told {page.summary() or 'nothing: chromium did not load it'}\n"
                f"{self.tail()}"
            )
            time.sleep(0.02)

    def tail(self) -> str:
        return "chromium says:\n" + "\n".join(self.output.read_text(errors="replace").splitlines()[-20:])

    def end(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
