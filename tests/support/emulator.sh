#!/bin/sh
# Installs the AWS emulator, ministack, into an environment of its own: .tools/ministack.
#
#   tests/support/emulator.sh [PYTHON]     # .venv/bin/python
#
# It runs Python functions as processes of its own interpreter. So that is Lambda's Python 3.12, and
# the functions are the zip's alone; where there is no 3.12 it is PYTHON, and what the service imports
# is installed beside it.
set -eu
cd "$(dirname "$0")/../.."
python=${1:-.venv/bin/python}
folder=.tools/ministack
lambda=$("$python" deploy/aws/build_lambda.py --find-python || true)

rm -rf "$folder"
"${lambda:-$python}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/support/ministack.txt
if [ -z "$lambda" ]; then
    awk '/^[^ #]/ { skip = /^(boto3|botocore|s3transfer|gunicorn|flask-swagger-ui)==/ } !skip' \
        deploy/aws/requirements.txt >"$folder/service.txt"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$folder/service.txt"
fi
