"""What the tests of the REST APIs share: a client of the server's HTTP listener."""

import re

import httpx

SETTINGS = {"rest.listeners": "127.0.0.1:0"}


def rest_port(server) -> int:
    return int(re.findall(r"protocol=http\b.*\bport=(\d+)", server.log.read_text())[-1])


def rest_client(server, **options) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{rest_port(server)}", timeout=20, **options)


def refusal(answer: httpx.Response) -> tuple[int, int]:
    """Status and error_code of a refusal, which is JSON with words."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/json", answer.headers
    assert set(body) == {"error_code", "message"} and body["message"], body
    return answer.status_code, body["error_code"]
