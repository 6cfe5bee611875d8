#!/bin/sh
# Fetches what runs our functions as AWS does: the runtime interface emulator and the runtime.
#
#   tests/support/lambda_tools.sh [PYTHON] [FOLDER]     # .venv/bin/python, .tools/lambda
#
# The emulator is a Linux x86_64 program inside the wheel of aws-sam-cli, which itself is not
# installed; the runtime is awslambdaric, for Lambda's Python 3.12 or for PYTHON where there is none.
set -eu
cd "$(dirname "$0")/../.."
python=${1:-.venv/bin/python}
folder=${2:-.tools/lambda}

if [ ! -x "$folder/aws-lambda-rie" ]; then
    mkdir -p "$folder/download"
    "$python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
        --dest "$folder/download" -r tests/support/sam.txt
    "$python" - "$folder" <<'EOF'
import sys, zipfile
from pathlib import Path

folder = Path(sys.argv[1])
(wheel,) = (folder / "download").glob("aws_sam_cli-*.whl")
program = folder / "aws-lambda-rie"
program.write_bytes(zipfile.ZipFile(wheel).read("samcli/local/rapid/aws-lambda-rie-x86_64"))
program.chmod(0o755)
wheel.unlink()
EOF
fi
for version in 3.12 "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; do
    if [ ! -d "$folder/runtime-$version" ]; then
        "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
            --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 --python-version "$version" \
            --target "$folder/runtime-$version" -r tests/support/awslambdaric.txt
    fi
done
