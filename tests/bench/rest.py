"""The lines of HTTP."""
import base64
import json
import random
import shutil
import subprocess
import tempfile
import time

import servers
from table import against, alone, interleaved

VALUE = 100  # bytes
LINES_OF_FILE = 1_000_000
RECORDS = 100  # of a request
CONNECTIONS = 16
REQUESTS = 20_000


def text_values(source, count):
    return ["".join(source.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=VALUE)) for _ in range(count)]


def write_lines(file):
    """Records as NDJSON has them; for kcat each line is a value."""
    values = text_values(random.Random(1), 1000)
    block = "".join(json.dumps({"value": {"type": "STRING", "data": value}}, separators=(",", ":")) + "\n"
                    for value in values)
    for _ in range(LINES_OF_FILE // len(values)):
        file.write(block.encode())
    file.flush()


def timed(command):
    start = time.monotonic()
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    return LINES_OF_FILE / (time.monotonic() - start) / 1e3, done.stdout


def with_http(programs):
    """A server with a topic, and its HTTP port."""
    port = servers.free_port()
    return programs.furrowd_with_topic([f"rest.listeners=127.0.0.1:{port}"]), port


def ndjson(programs, rounds):
    if shutil.which("kcat") is None or shutil.which("curl") is None:
        raise SystemExit("the line ndjson needs kcat and curl")
    with tempfile.NamedTemporaryFile(prefix="furrow-bench-lines-", dir=programs.where) as file:
        write_lines(file)

        def by_http():
            server, port = with_http(programs)
            programs.wait_for_quiet()
            with server:
                url = f"http://127.0.0.1:{port}/topics/lines/records"
                rate, answer = timed(["curl", "-sS", "--fail", "-X", "POST", "-T", file.name, url])
            if json.loads(answer)["records"] != LINES_OF_FILE:
                raise RuntimeError(answer)
            return rate

        def by_kcat():
            server, _ = with_http(programs)
            programs.wait_for_quiet()
            with server:
                return timed(["kcat", "-P", "-b", f"127.0.0.1:{server.port}", "-t", "lines", "-l", file.name])[0]

        pairs = interleaved(rounds, by_http, by_kcat)
    yield against("NDJSON of 100 B values by curl, beside kcat with the same file", pairs, "k/s", 0.8, True)


def v2_request(acks):
    source = random.Random(2)
    values = [base64.b64encode(source.randbytes(VALUE)).decode() for _ in range(RECORDS)]
    body = json.dumps({"records": [{"value": value} for value in values]}, separators=(",", ":"))
    return (f"POST /topics/bench-v2?acks={acks} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/vnd.kafka.binary.v2+json\r\n\r\n{body}").encode()


def v2(programs, rounds):
    for acks in ("all", "1"):
        values = []
        with tempfile.NamedTemporaryFile(prefix="furrow-bench-request-", dir=programs.where) as file:
            file.write(v2_request(acks))
            file.flush()
            for _ in range(rounds):
                server, port = with_http(programs)
                programs.wait_for_quiet()
                with server:
                    command = [programs.bin / "bench_http", "--port", port, "--connections", CONNECTIONS, "--request",
                               file.name, "--requests"]
                    subprocess.run([*map(str, command), "1000"], check=True, stdout=subprocess.DEVNULL)
                    run = subprocess.run([*map(str, command), str(REQUESTS)], stdout=subprocess.PIPE, check=True)
                    values.append(REQUESTS * RECORDS / json.loads(run.stdout)["seconds"] / 1e3)
        yield alone(f"REST v2, {RECORDS} × {VALUE} B in base64, {CONNECTIONS} connections, acks={acks}", values, "k/s",
                    600, True)


LINES = {"ndjson": ndjson, "rest-v2": v2}
