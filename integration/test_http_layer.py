"""HTTP's connection layer by itself, at a server that only says back what it hears (tests/http/echo.c): requests that
smuggle, beside h11; WebSockets, with the cases that Autobahn has, beside websockets; many connections and slow ones."""

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import h11
import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import connect

from desync import CANARY, REFUSED, TAKEN, noise
from servers import SANITIZER, die_with_parent

pytestmark = pytest.mark.furrow_only


class Echo:
    def __init__(self, binary, folder):
        self.log = folder / "echo.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [binary, "rest.listeners=127.0.0.1:0"], stderr=log, stdout=log, preexec_fn=die_with_parent
            )
        deadline = time.monotonic() + 10
        while not (found := re.search(r"port=(\d+)", self.log.read_text())):
            assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
            time.sleep(0.01)
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()


@pytest.fixture(scope="module")
def echo(request, tmp_path_factory):
    binary = request.config.getoption("furrowd").resolve().with_name("http_echo")
    echo = Echo(binary, tmp_path_factory.mktemp("echo"))
    yield echo
    code = echo.end()
    log = echo.log.read_text(errors="replace")
    assert code == 0 and not SANITIZER.search(log), log[-2000:]


# ---- two readers of the same bytes ----


def talk(echo, said: bytes) -> bytes:
    """All that is answered until the server ends; the client's half is ended with its last byte."""
    heard = b""
    with echo.open() as peer:
        try:
            peer.sendall(said)
            peer.shutdown(socket.SHUT_WR)
            while received := peer.recv(65536):
                heard += received
        except (ConnectionResetError, BrokenPipeError):
            pass
    return heard


def answers(heard: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each, as h11 reads them."""
    found = []
    while heard:
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(heard)
        status, body = 0, b""
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA, heard
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        found.append((status, body))
        heard = reader.trailing_data[0]
    return found


def h11_reads(said: bytes) -> list[bytes] | None:
    """The bodies of the requests; None when one is refused."""
    reader, bodies, body = h11.Connection(h11.SERVER), [], b""
    reader.receive_data(said)
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            bodies, body = [*bodies, body], b""
            reader.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            reader.send(h11.EndOfMessage())
            if reader.our_state is not h11.DONE or not reader.trailing_data[0]:
                return bodies
            reader.start_next_cycle()
        elif event is h11.NEED_DATA or event is h11.PAUSED:
            return None


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_right_is_taken(echo, name):
    request, body = TAKEN[name]
    assert answers(talk(echo, request + CANARY)) == [(200, body), (200, b"CANARY")]


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(echo, name):
    found = answers(talk(echo, REFUSED[name] + CANARY))
    assert len(found) == 1 and 400 <= found[0][0] < 600, found


def test_no_byte_around_the_framing_is_passed_over(echo):
    """What Furrow takes, h11 reads too, and the same of it."""
    cases = noise()
    with ThreadPoolExecutor(8) as pool:
        heard = pool.map(lambda request: talk(echo, request + CANARY), cases.values())
    taken = 0
    for (name, request), told in zip(cases.items(), heard):
        found = answers(told)
        if all(status == 200 for status, _ in found):
            taken += 1
            assert [body for _, body in found] == h11_reads(request + CANARY), name
        else:
            assert len(found) == 1 and 400 <= found[0][0] < 600, (name, found)
    assert taken == 6  # blanks around the values, tabs around the length


def test_a_request_may_be_cut_anywhere(echo):
    said = b"".join(request for request, _ in TAKEN.values()) + CANARY
    expected = [(200, body) for _, body in TAKEN.values()] + [(200, b"CANARY")]
    numbers = random.Random(7)
    for _ in range(20):
        heard = b""
        with echo.open() as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            at = 0
            while at < len(said):
                size = numbers.choice((1, 2, 3, 7, 50, 400))
                peer.sendall(said[at : at + size])
                at += size
            while received := peer.recv(65536):
                heard += received
        assert answers(heard) == expected


# ---- streams ----


def test_what_is_streamed_comes_back_as_it_was(echo):
    def pieces():
        numbers = random.Random(8)
        for _ in range(200):
            yield numbers.randbytes(numbers.choice((1, 100, 5000, 100_000)))

    whole = b"".join(pieces())
    with httpx.stream("POST", f"{echo.url}/stream", content=pieces(), timeout=20) as answer:
        heard = b"".join(answer.iter_raw())
    assert heard == whole


def resident(echo) -> int:
    with open(f"/proc/{echo.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) << 10


def processor_seconds(echo) -> float:
    with open(f"/proc/{echo.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")")[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(echo) -> None:
    """Half a second without using the processor."""
    deadline, used = time.monotonic() + 20, -1.0
    while (now := processor_seconds(echo)) != used:
        assert time.monotonic() < deadline
        used = now
        time.sleep(0.5)


def test_readers_that_stop_cost_a_buffer_and_no_processor_time(echo):
    peers = [echo.open() for _ in range(100)]
    before = resident(echo)
    for peer in peers:
        peer.sendall(b"GET /bytes?size=100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until_idle(echo)
    cost = resident(echo) - before
    if not SANITIZER_BUILD.search(str(echo.process.args[0])):
        assert cost < len(peers) * (200 << 10), cost
    assert httpx.post(f"{echo.url}/echo", content=b"still there").content == b"still there"
    for peer in peers:
        peer.close()


SANITIZER_BUILD = re.compile("sanitize|thread")


def test_a_thousand_halves_of_requests_keep_nobody_out(echo):
    """Slow on purpose; that they are told to hurry is the suites' to test."""
    peers = [echo.open() for _ in range(1000)]
    for number, peer in enumerate(peers):
        peer.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"[: 10 + number % 50])
    for _ in range(50):
        assert httpx.post(f"{echo.url}/echo", content=b"in between").content == b"in between"
    for peer in peers:
        peer.close()


# ---- WebSockets ----


@pytest.fixture
def ws(echo):
    with connect(f"ws://127.0.0.1:{echo.port}/socket", max_size=None) as ws:
        yield ws


SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20)


def test_messages_of_all_sizes_come_back(ws):
    """Autobahn's 1 and 9."""
    for size in SIZES:
        for message in ("*" * size, b"\xfe" * size):
            ws.send(message)
            assert ws.recv() == message
    message = random.Random(1).randbytes(16 << 20)
    sender = threading.Thread(target=ws.send, args=(message,))
    sender.start()
    assert ws.recv() == message
    sender.join()


def test_messages_in_parts_come_back_whole(ws):
    """Autobahn's 5 and 9."""
    for parts in (["a", "b"], ["", "", ""], ["x" * 100] * 50, ["\u03ba\u1f79\u03c3\u03bc\u03b5"] * 3):
        ws.send(iter(parts))
        assert ws.recv() == "".join(parts)
        ws.send(part.encode() for part in parts)
        assert ws.recv() == "".join(parts).encode()


def test_pings_are_answered_with_their_payload(ws):
    """Autobahn's 2."""
    for payload in (b"", b"hello", b"\x00\xff\xfe" * 41, b"x" * 125):
        assert ws.ping(payload).wait(5)
    for waiter in [ws.ping(str(number)) for number in range(50)]:
        assert waiter.wait(5)
    ws.pong(b"unasked")
    ws.send("still there")
    assert ws.recv() == "still there"


@pytest.mark.parametrize("code", (1000, 1001, 1002, 1003, 1007, 1009, 1010, 1011, 3000, 3999, 4000, 4999))
def test_a_close_is_answered_with_its_code(echo, code):
    """Autobahn's 7.1 and 7.7."""
    with connect(f"ws://127.0.0.1:{echo.port}/socket") as ws:
        ws.close(code, "x" * 123)
    assert ws.close_code == code and ws.protocol.close_rcvd == Close(code, "")


def raw_socket(echo) -> socket.socket:
    peer = echo.open()
    peer.sendall(
        b"GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    heard = b""
    while not heard.endswith(b"\r\n\r\n"):
        heard += peer.recv(1)
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in heard
    return peer


def frame(opcode, data: bytes, fin=True, mask=True, **bits) -> bytes:
    return Frame(Opcode(opcode), data, fin, **bits).serialize(mask=mask)


def odd_frame(first: int, data: bytes) -> bytes:
    """What the library does not write: any first byte."""
    return bytes([first]) + frame(Opcode.TEXT, data)[1:]


def hear_all(peer) -> bytes:
    heard = b""
    try:
        while received := peer.recv(65536):
            heard += received
    except ConnectionResetError:
        pass
    return heard


TEXT, BINARY, CONT, PING, CLOSE = Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.CLOSE


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


# What is sent, what of it is echoed, the code that ends it.
BROKEN = {
    "3.1 rsv3": (odd_frame(0x91, b"a"), b"", 1002),
    "3.2 rsv2 behind a message": (frame(TEXT, b"a") + odd_frame(0xA1, b"b"), b"\x81\x01a", 1002),
    "3.5 rsv1 of a binary": (odd_frame(0xC2, b"a"), b"", 1002),
    "3.6 rsv of a ping": (odd_frame(0xD9, b"a"), b"", 1002),
    **{f"4.1 opcode {code}": (odd_frame(0x80 | code, b"a"), b"", 1002) for code in (3, 4, 5, 6, 7)},
    **{f"4.2 opcode {code}": (odd_frame(0x80 | code, b"a"), b"", 1002) for code in (11, 12, 13, 14, 15)},
    "2.5 a ping too long": (bytes([0x89, 0xFE, 0, 126]) + b"\0" * 130, b"", 1002),
    "5.1 a ping in parts": (odd_frame(0x09, b"a") + frame(CONT, b"b"), b"", 1002),
    "5.9 goes on with nothing": (frame(CONT, b"a") + frame(TEXT, b"b"), b"", 1002),
    "5.15 goes on behind the end": (
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + frame(CONT, b"c", fin=False),
        b"\x81\x02ab",
        1002,
    ),
    "5.18 a text in a text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), b"", 1002),
    "5.1.4 no mask": (frame(TEXT, b"a", mask=False), b"", 1002),
    "a length not in its shortest form": (bytes([0x81, 0xFE, 0, 5, 0, 0, 0, 0]) + b"hello", b"", 1002),
    "a length with its highest bit": (bytes([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), b"", 1002),
    "6.3 no UTF-8": (frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"), b"", 1007),
    "6.3.2 no UTF-8 in parts": (
        frame(TEXT, b"\xce\xba\xed", fin=False) + frame(CONT, b"\xa0", fin=False) + frame(CONT, b"\x80"),
        b"",
        1007,
    ),
    "6.4 told at the first wrong byte": (frame(TEXT, b"\xce\xba\xf4\x90", fin=False), b"", 1007),
    "6.6 half a character": (frame(TEXT, b"\xce\xba\xe1\xbd"), b"", 1007),
    "6.20 an overlong form": (frame(TEXT, b"\xc0\x80"), b"", 1007),
    "6.22 beyond U+10FFFF": (frame(TEXT, b"\xf7\xbf\xbf\xbf"), b"", 1007),
    "6.23 a surrogate": (frame(TEXT, b"\xed\xa0\x80"), b"", 1007),
    "7.3.2 a close of one byte": (frame(CLOSE, b"a"), b"", 1002),
    "7.3.6 a close too long": (bytes([0x88, 0xFE, 0, 126]) + b"\0" * 130, b"", 1002),
    "7.5.1 a reason that is no UTF-8": (frame(CLOSE, close_payload(1000, b"\xed\xa0\x80")), b"", 1007),
    **{
        f"7.9 the code {code}": (frame(CLOSE, close_payload(code)), b"", 1002)
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "too large": (bytes([0x82, 0xFF, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]), b"", 1009),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_ends_the_socket_with_its_code(echo, name):
    said, echoed, code = BROKEN[name]
    with raw_socket(echo) as peer:
        peer.sendall(said)
        heard = hear_all(peer)
    assert heard.startswith(echoed + b"\x88"), heard
    assert int.from_bytes(heard[len(echoed) + 2 :][:2], "big") == code, heard


def test_nothing_behind_a_close_counts(echo):
    """Autobahn's 7.1.3 to 7.1.5."""
    with raw_socket(echo) as peer:
        peer.sendall(frame(TEXT, b"never ended", fin=False) + frame(CLOSE, close_payload(1000)))
        peer.sendall(frame(CONT, b"!") + frame(PING, b"?") + frame(CLOSE, b""))
        assert hear_all(peer) == b"\x88\x02\x03\xe8"
    with raw_socket(echo) as peer:
        peer.sendall(frame(CLOSE, b""))
        assert hear_all(peer) == b"\x88\0"


def test_frames_may_come_byte_by_byte(echo):
    said = frame(TEXT, "K\u00f6ln".encode(), fin=False) + frame(PING, b"p") + frame(CONT, b"", fin=False)
    said += frame(CONT, b"!") + frame(BINARY, b"\xff" * 300) + frame(CLOSE, close_payload(4001))
    with raw_socket(echo) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(said)):
            peer.sendall(said[at : at + 1])
        heard = hear_all(peer)
    assert heard == b"\x8a\x01p\x81\x06K\xc3\xb6ln!" + b"\x82\x7e\x01\x2c" + b"\xff" * 300 + b"\x88\x02\x0f\xa1"


def test_many_sockets_at_once(echo):
    def chat(number: int) -> None:
        with connect(f"ws://127.0.0.1:{echo.port}/socket", compression=None) as ws:
            for turn in range(10):
                ws.send(f"{number} {turn}")
                assert ws.recv() == f"{number} {turn}"

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(chat, range(200)))


def test_sockets_are_told_that_the_server_stops(request, tmp_path):
    binary = request.config.getoption("furrowd").resolve().with_name("http_echo")
    echo = Echo(binary, tmp_path)
    with connect(f"ws://127.0.0.1:{echo.port}/socket") as ws:
        ws.send("hello")
        assert ws.recv() == "hello"
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(echo.end)
            with pytest.raises(ConnectionClosed):
                ws.recv(timeout=10)
            assert ws.close_code == 1001
            assert ended.result() == 0, echo.log.read_text()
