"""What /openapi.json says is what the routes do: Schemathesis makes requests of it, right and wrong ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rest import SETTINGS, rest_port

pytestmark = pytest.mark.furrow_only
SETTINGS = SETTINGS | {"auto.create.topics.enable": "true"}

HERE = Path(__file__).parent
LONG = os.environ.get("TEST_LENGTH") == "long"


# What is asked is a number of cases, the same ones everywhere: a faster machine finds nothing that a slower one has not.
@pytest.mark.timeout(2000)
def test_all_operations_answer_as_they_are_described(server, tmp_path):
    limits = ["--max-time=300"] if LONG else ["--seed=1"]
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml", "run"]
        + [f"http://127.0.0.1:{rest_port(server)}/openapi.json", "--request-timeout=180", "--continue-on-failure"]
        + ["--no-color", "--warnings=off", *limits],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=1800,
    )
    passed = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert done.returncode == 0 and int(passed[2]) > 500, done.stdout[-6000:] + done.stderr[-2000:]
    server.check()
