"""Data folders of every version so far are opened, served, and written to."""

import json
import os
import subprocess

import pytest

import kept
from clients import Record
from clients.confluent import Confluent
from servers import free_port

pytestmark = pytest.mark.furrow_only

client = Confluent()


@pytest.fixture
def furrow(request):
    binary = request.config.getoption("furrowd").resolve().parent / "furrow"

    def run(*arguments: object, **options) -> str:
        command = [binary, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=60, check=True, **options).stdout.decode()

    return run


def test_there_is_a_folder_of_every_version():
    assert kept.versions() == list(range(1, kept.version_of_this_build() + 1))


@pytest.mark.parametrize("how", ["stopped", "killed", "restored", "backed-up"])
@pytest.mark.parametrize("version", kept.versions())
def test_a_kept_folder_is_served(servers, furrow, version, how, tmp_path):
    """As it was kept; as if the server had been killed; through restore, and through backup and restore."""
    server = servers.new(kept.SETTINGS, free_port())
    server.folder.mkdir(parents=True)
    unpacked = server.data if how in ("stopped", "killed") else tmp_path / "unpacked"
    expected = kept.unpack(version, unpacked)
    if how == "killed":
        os.unlink(unpacked / ".kafka_cleanshutdown")
    elif how == "restored":
        furrow("restore", "--data", server.data, unpacked)
    elif how == "backed-up":
        furrow("backup", "--data", unpacked, tmp_path / "copy")
        furrow("restore", "--data", server.data, tmp_path / "copy")
    assert json.loads(furrow("verify", "--json", server.data).splitlines()[-1])["damages"] == 0

    server.start()
    assert kept.look(server) == expected
    for topic, found in expected["topics"].items():
        assert client.produce(server.bootstrap, [Record(b"more", b"more")], topic) == [found["end"]]
    server.stop()
    assert f"version={kept.version_of_this_build()}\n" in (server.data / "furrow.properties").read_text()
    assert json.loads(furrow("verify", "--json", server.data).splitlines()[-1])["verdict"] == "ok"
