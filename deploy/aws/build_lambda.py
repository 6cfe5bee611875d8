"""Build build/lambda.zip: the service for AWS Lambda's Python 3.12, the same bytes each time.

`make lambda` runs it. The wheels are those of Lambda's Python and processor, whatever this machine
is; bytecode is compiled here, since a cold start would otherwise compile all of it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMIT_MB = 16
WHEELS = {"x86_64": "x86_64", "arm64": "aarch64"}  # Lambda's name, the wheels' name
# Amazon Linux 2023, below Lambda's Python 3.12, has glibc 2.34.
PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")

# Pinned for other entry points: gunicorn, the documentation page, the console's sign-in, and what
# only boto3 needs.
LEFT_OUT = {"authlib", "boto3", "flask-swagger-ui", "gunicorn", "s3transfer"}
OWN_LEFT_OUT = {
    *("__main__.py", "cli", "delivering.py", "gunicorn_conf.py", "py.typed", "web"),
    *("storage/postgresql", "storage/sqlite"),  # the functions run on DynamoDB
    # What only the command line writes, with libraries that are not in the zip.
    *(f"exports/{name}.py" for name in ("formats", "parquet", "xlsx")),
    *("oidc/sign_in.py", "bootstrap_backoffice.py", "services/backoffice"),
    *("services/open_batches.py", "services/bulk/checked.py"),
    *(
        "metrics/processes.py",
        "metrics/prometheus.py",
        "tracing/otel.py",
    ),  # over libraries of servers
    # The pages for people, and what only they and the commands show.
    "console",
    *(f"providers/{name}/explanations.py" for name in ("ach", "openach", "paypal", "stripe")),
    "providers/stripe/global_explanations.py",
    *(f"services/payment_{name}.py" for name in ("actions", "advice", "cases", "story")),
    *("services/recent_payments.py", "services/today.py"),
}
# Those of botocore's 400 services that are called; each has a folder of its name.
SERVICES = {"dynamodb", "kms", "secretsmanager", "sns", "sqs"}
# The parts of each library that our code does not reach. test_build.py imports all the rest.
UNREACHED = {
    "botocore": ("cacert.pem",),  # it takes certifi's
    "charset_normalizer": ("*.so",),  # faster guesses, of which nothing makes any; .py stay
    "dateutil": ("zoneinfo/*.tar.gz",),  # AWS's times are in UTC
    "fsspec": ("fuse.py", "gui.py", "conftest.py", "implementations/*"),
    "holidays": ("countries", "locale", "financial/*"),  # other countries, exchanges, languages
    "packaging": ("licenses", "metadata.py", "pylock.py"),  # of distributions; versions stay
    "stdnum": ("*",),  # other countries' numbers
    # Types, which only type checkers import; events of an interface that we do not use; calls of
    # products that we do not use. What such a product's objects are stays: events may hold them.
    "stripe": (
        *("params", "events", "test_helpers", "[a-u]*/*_service.py"),
        # Calls that bill customers: the library imports each at its first use.
        *("_credit_note*_service.py", "_customer_*_service.py", "_invoice*_service.py"),
        *("_payment_*_service.py", "_quote*_service.py", "_setup_*_service.py"),
        *("_product*_service.py", "_subscription*_service.py"),
    ),
    "tzdata": ("zoneinfo/*", "zones"),  # other time zones
    "urllib3": ("contrib/emscripten", "contrib/pyopenssl.py"),  # other platforms than ours
    "werkzeug": ("debug", "middleware"),
}
REACHED = (
    *(f"fsspec/implementations/{name}.py" for name in ("__init__", "local", "memory", "sftp")),
    *("holidays/financial/federal_reserve.py", "tzdata/zoneinfo/America/New_York"),
    *("stdnum/__init__.py", "stdnum/exceptions.py", "stdnum/util.py", "stdnum/us/rtn.py"),
)
# These import everything beside them; they are emptied.
EMPTIED = (
    *("holidays/financial/__init__.py", "stdnum/us/__init__.py"),
    *("tzdata/zoneinfo/__init__.py", "tzdata/zoneinfo/America/__init__.py"),
)
# Edits of library sources, each applied once. marshmallow compiles a regular expression of 6,000
# characters at each start, a tenth of ours, for a check that we do not use: now at its first use.
EDITS = {
    "marshmallow/validate.py": (
        ("    DOMAIN_REGEX = re.compile(\n", "    DOMAIN_REGEX = functools.partial(re.compile,\n"),
        ("self.DOMAIN_REGEX.match(", "self.DOMAIN_REGEX().match("),
        ("import re\n", "import functools\nimport re\n"),
    )
}
READS_OWN_VERSION = {"holidays", "webargs"}  # by importlib.metadata, when they are imported
MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=sorted(WHEELS), default="arm64")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "lambda.zip")
    parser.add_argument(
        "--requirements", type=Path, default=ROOT / "deploy" / "aws" / "requirements.txt"
    )
    parser.add_argument("--find-python", action="store_true", help="say where Python 3.12 is")
    options = parser.parse_args()
    python = find_python()
    if options.find_python and python:
        print(python)
        return 0
    if python is None:
        print(
            "python3.12 is needed to compile for Lambda's runtime, and was not found: install it "
            "(apt install python3.12, brew install python@3.12, pyenv install 3.12, "
            "uv python install 3.12), or name it in PYTHON312",
            file=sys.stderr,
        )
        return 1
    folder = options.output.with_suffix(f".{options.arch}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    install_libraries(folder, options.requirements, WHEELS[options.arch])
    trim(folder)
    edit(folder)
    copy_service(folder)
    compile_all(folder, python)
    write_zip(folder, options.output)
    megabytes = options.output.stat().st_size / 1e6
    shutil.rmtree(folder)
    print(f"{options.output}: {megabytes:.1f} MB, for {options.arch}")
    if megabytes >= LIMIT_MB:
        print(f"it must stay below {LIMIT_MB} MB", file=sys.stderr)
        return 1
    return 0


def find_python() -> str | None:
    """Return a Python 3.12: bytecode works with one minor version only."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        os.environ.get("PYTHON312"),
        shutil.which("python3.12"),
        *map(str, sorted(pyenv.glob("3.12.*/bin/python3.12"))),
        sys.executable,
    ]
    ask = "import sys; sys.exit(sys.version_info[:2] != (3, 12))"
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", ask], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def install_libraries(folder: Path, requirements: Path, machine: str) -> None:
    """Install the pinned libraries that Lambda needs, as wheels for its Python and processor."""
    wanted = folder.with_suffix(".txt")
    wanted.write_text(without(requirements.read_text(), LEFT_OUT))
    platforms = [f"--platform={name}_{machine}" for name in PLATFORMS]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:"),
            *("--python-version=3.12", "--implementation=cp", "--abi=cp312"),
            *platforms,
            *(f"--target={folder}", f"--requirement={wanted}"),
        ],
        check=True,
        cwd=ROOT,
    )
    wanted.unlink()


def without(requirements: str, names: set[str]) -> str:
    """Return the text of a requirements file without some libraries' pins and hashes."""
    pins = re.split(r"\n(?=\w)", requirements)
    return "\n".join(pin for pin in pins if pin.partition("==")[0].lower() not in names)


def trim(folder: Path) -> None:
    """Remove files that no function reads."""
    trim_botocore(folder / "botocore" / "data")
    for package, parts in UNREACHED.items():
        if (folder / package).is_dir():
            trim_package(folder, package, parts)
    for name in ("bin", "cffi", "pycparser"):  # of cffi, cryptography loads the extension alone
        _remove(folder / name)
    for info in folder.glob("*.dist-info"):
        name = re.split(r"-\d", info.name)[0].replace("_", "-").lower()
        for entry in info.iterdir():
            if name not in READS_OWN_VERSION or entry.name != "METADATA":
                _remove(entry)
    for path in list(folder.rglob("*")):
        if path.suffix in {".pyi", ".c", ".h", ".typed"} or path.name == "tests":
            _remove(path)


def edit(folder: Path) -> None:
    """Apply EDITS. Raises ValueError if a version has another text."""
    for name, changes in EDITS.items():
        text = (folder / name).read_text()
        for old, new in changes:
            if text.count(old) != 1:
                raise ValueError(f"{name} has not once: {old.strip()}")
            text = text.replace(old, new)
        (folder / name).write_text(text)


def trim_package(folder: Path, package: str, parts: tuple[str, ...]) -> None:
    """Remove the unreached parts of a package, except for what is reached below them."""
    kept = [folder / name for name in (*REACHED, *EMPTIED) if name.startswith(f"{package}/")]
    for entry in [each for part in parts for each in (folder / package).glob(part)]:
        for path in (entry, *sorted(entry.rglob("*"))):
            if not any(one == path or path in one.parents for one in kept):
                _remove(path)
    for name in EMPTIED:
        if name.startswith(f"{package}/"):
            (folder / name).write_text("")


def trim_botocore(data: Path) -> None:
    """Keep botocore's data for our services, without its texts: each cold start reads all."""
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in SERVICES:
            _remove(entry)
    for path in data.rglob("examples-1.json*"):
        _remove(path)
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        known = partition["services"]
        partition["services"] = {name: known[name] for name in sorted(SERVICES & set(known))}
    (data / "endpoints.json").write_text(json.dumps(endpoints))
    for path in sorted(data.rglob("service-2.json.gz")):
        model = _without_prose(json.loads(gzip.decompress(path.read_bytes())))
        path.with_suffix("").write_text(json.dumps(model))
        path.unlink()


def _without_prose(model: Any) -> Any:
    if isinstance(model, dict):
        return {
            name: _without_prose(value)
            for name, value in model.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    return [_without_prose(part) for part in model] if isinstance(model, list) else model


def copy_service(folder: Path) -> None:
    """Copy our own package, without the parts for servers and for development."""

    def ignored(directory: str, names: list[str]) -> list[str]:
        here = Path(directory).relative_to(ROOT / "paymentapp")
        left_out = [n for n in names if (here / n).as_posix() in OWN_LEFT_OUT]
        return [*left_out, "__pycache__"]

    shutil.copytree(ROOT / "paymentapp", folder / "paymentapp", ignore=ignored)


def compile_all(folder: Path, python: str) -> None:
    """Compile bytecode that is used without checking the source's time or content."""
    subprocess.run(
        [
            *(python, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"),
            *("-s", str(folder), "-p", "/var/task", str(folder)),
        ],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the order of a set is in the bytecode
    )


def write_zip(folder: Path, output: Path) -> None:
    """Write the zip in sorted order, without this machine's times, owners and modes."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), MOMENT)
            entry.create_system = 3  # Unix, or the mode would not count
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
