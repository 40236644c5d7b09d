"""What a shell exports for a stack reaches no test."""

import os
import subprocess
import sys

from architecture.tree import ROOT

EXPORTED = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_PROFILE": "mine",
    "TRADER_TABLE": "trader-live",
    "TRADER_MODE": "LIVE",
    "POWERTOOLS_SERVICE_NAME": "trader-live",
    "COINBASE_API_KEY": "mine",
    "TRADER_E2E": "process",
}


def test_tests_do_not_hear_of_a_stack() -> None:
    """Only how the end-to-end tests invoke is asked of the shell."""
    ask = "import os, conftest; print(*sorted(os.environ.keys() & set(os.environ['NAMES'].split())))"
    environment = os.environ | EXPORTED | {"NAMES": " ".join(EXPORTED), "PYTHONPATH": f"{ROOT}/src:{ROOT}/tests"}

    told = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)

    assert "TRADER_E2E" == told.stdout.strip()


def test_aws_that_is_played_here_is_asked_although_the_shell_names_another() -> None:
    """`make cost` and the drills count what moto answers, and leave a sandbox alone."""
    ask = (
        "import boto3; from desk.mocked_aws import open_mocked_aws\n"
        "with open_mocked_aws():\n"
        "    s3 = boto3.client('s3', 'us-east-1'); s3.create_bucket(Bucket='mine')\n"
        "    print(len(s3.list_buckets()['Buckets']))\n"
        "import os; print(os.environ['AWS_PROFILE'])"
    )
    environment = os.environ | EXPORTED | {"PYTHONPATH": f"{ROOT}/src"}

    told = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)

    assert ["1", "mine"] == told.stdout.split()
