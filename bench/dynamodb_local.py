"""AWS's DynamoDB Local for the measurements, where this machine has it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from bench.processes import START_SECONDS, Processes, free_port
from bench.say import Failed

ROOT = Path(__file__).resolve().parent.parent
STARTER = ROOT / "tests" / "support" / "dynamodb_local.sh"
FOLDER = ROOT / ".tools" / "node_modules" / "amplify-dynamodb-simulator" / "emulator"


def start(processes: Processes) -> None:
    """Start it, and set its address for this process and its children.

    Raises Failed where it is missing.
    """
    folder = Path(os.environ.get("DYNAMODB_LOCAL", FOLDER))
    if shutil.which("java") is None or not (folder / "DynamoDBLocal.jar").exists():
        raise Failed("needs java, and the npm package amplify-dynamodb-simulator in .tools")
    port = free_port()
    child = processes.start("dynamodb-local", [str(STARTER), str(folder), str(port)], {})
    os.environ |= {
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    client = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and child.poll() is None:
        try:
            client.list_tables()
        except BotoCoreError:
            time.sleep(0.1)
        else:
            return
    raise Failed(f"DynamoDB Local did not start: {processes.log('dynamodb-local').read_text()}")
