"""Small events through HTTP, into Furrow and into xs and back."""
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import threading
import time
import urllib.request

import servers
from rest import with_http
from table import against, interleaved

EVENTS = 100_000
EVENT = 100  # bytes
CONNECTIONS = 64
WINDOW = 20  # requests on their way, of a connection
XS_VERSION = "0.13.4"
CACHE = pathlib.Path(os.environ.get("FURROW_CACHE") or pathlib.Path.home() / ".cache/furrow") / "bench/xs"
XS = CACHE / "bin/xs"
TIMEOUT_S = 60


def build_xs():
    """By cargo, with the versions that its author had locked; takes long the first time."""
    made = CACHE / "version"
    if XS.exists() and made.exists() and made.read_text() == XS_VERSION:
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    path = "/usr/bin:" + os.environ["PATH"]  # Debian's cargo goes before one of another origin
    command = ["cargo", "install", "--quiet", "--locked", "--root", CACHE, "cross-stream", "--version", XS_VERSION]
    subprocess.run(command, env={**os.environ, "PATH": path, "CARGO_TARGET_DIR": str(CACHE / "target")}, check=True)
    made.write_text(XS_VERSION)


def xs_server(programs):
    return servers.Server(lambda port, folder: [XS, "serve", folder / "store", "--expose", f"127.0.0.1:{port}"],
                          programs.where)


def request(method, path, body=b""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def line(event):
    return json.dumps({"value": {"type": "STRING", "data": event.decode()}}).encode() + b"\n"


class Answers:
    """What comes on one connection."""

    LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

    def __init__(self, connection):
        self.connection = connection
        self.rest = b""

    def receive(self):
        got = self.connection.recv(1 << 20)
        if not got:
            raise RuntimeError("the server ended the connection")
        self.rest += got

    def take(self):
        """The next one's body."""
        while (end := self.rest.find(b"\r\n\r\n")) < 0:
            self.receive()
        head = self.rest[:end]
        self.rest = self.rest[end + 4:]
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        found = self.LENGTH.search(head)
        return self.take_bytes(int(found[1])) if found else self.take_chunks()

    def take_bytes(self, size):
        while len(self.rest) < size:
            self.receive()
        body, self.rest = self.rest[:size], self.rest[size:]
        return body

    def take_chunks(self):
        body = b""
        while True:
            while (end := self.rest.find(b"\r\n")) < 0:
                self.receive()
            size = int(self.rest[:end], 16)
            self.rest = self.rest[end + 2:]
            chunk = self.take_bytes(size + 2)
            if size == 0:
                return body
            body += chunk[:-2]


def send_all(port, requests):
    """Pipelined on some connections; the bodies of all answers."""
    bodies = [[] for _ in range(CONNECTIONS)]

    def work(number):
        mine = requests[number::CONNECTIONS]
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = Answers(connection)
            for start in range(0, len(mine), WINDOW):
                window = mine[start:start + WINDOW]
                connection.sendall(b"".join(window))
                bodies[number] += [answers.take() for _ in window]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [body for part in bodies for body in part]
    if len(found) != len(requests):
        raise RuntimeError(f"{len(requests)} requests, {len(found)} answers")
    return found


def get(port, path):
    call = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": "application/x-ndjson"})
    with urllib.request.urlopen(call, timeout=TIMEOUT_S) as answer:
        return answer.read().splitlines()


def post_lines(port, path, lines):
    call = urllib.request.Request(f"http://127.0.0.1:{port}{path}", b"".join(lines), method="POST",
                                  headers={"Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(call, timeout=TIMEOUT_S) as answer:
        return json.loads(answer.read())["records"]


def seconds_of(append, read, events):
    """To append, and to read back."""
    start = time.monotonic()
    append()
    between = time.monotonic()
    found = read()
    end = time.monotonic()
    if sorted(found()) != sorted(events):
        raise RuntimeError("what came back is not what was appended")
    return between - start, end - between


def into_furrow(programs, events, one_by_one):
    server, port = with_http(programs)
    with server:
        if one_by_one:
            requests = [request("POST", "/topics/bench-events/raw", event) for event in events]
        else:
            lines = [line(event) for event in events]
        programs.wait_for_quiet()

        def append():
            if one_by_one:
                send_all(port, requests)
            elif post_lines(port, "/topics/bench-events/records", lines) != len(events):
                raise RuntimeError("not all was appended")

        def read():
            found = get(port, "/topics/bench-events/records")
            return lambda: [json.loads(text)["value"]["data"].encode() for text in found]

        return seconds_of(append, read, events)


def into_xs(programs, events):
    """One request for each event, for there is no other way; what it holds is read by its hash. It syncs each."""
    with xs_server(programs) as server:
        requests = [request("POST", "/append/bench-events", event) for event in events]
        programs.wait_for_quiet()

        def read():
            frames = [json.loads(text) for text in get(server.port, "/")]
            hashes = [frame["hash"] for frame in frames if frame["topic"] == "bench-events"]
            found = send_all(server.port, [request("GET", f"/cas/{hash}") for hash in hashes])
            return lambda: found

        return seconds_of(lambda: send_all(server.port, requests), read, events)


def beside_xs(programs, rounds):
    source = random.Random(3)
    events = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=EVENT)).encode() for _ in range(EVENTS)]
    build_xs()
    pairs = interleaved(rounds, lambda: (into_furrow(programs, events, False), into_furrow(programs, events, True)),
                        lambda: into_xs(programs, events))

    def rates(which, part):
        return [(EVENTS / part(ours[which]) / 1e3, EVENTS / part(theirs) / 1e3) for ours, theirs in pairs]

    figure = f"{EVENTS:,} events of {EVENT} B by HTTP, appended"
    yield against(f"{figure} (NDJSON) and read back", rates(0, sum), "k/s", 10, True)
    yield against("  the same, a request for each event", rates(1, sum), "k/s", None, True)
    yield against("  appended, a request for each event", rates(1, lambda times: times[0]), "k/s", None, True)
    yield against("  read back", rates(0, lambda times: times[1]), "k/s", None, True)


LINES = {"beside-xs": beside_xs}
