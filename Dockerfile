# The container image of the service. For AWS Lambda, use the zip instead (deploy/aws).
#
#   docker build --tag paymentapp .
#   docker run --publish 127.0.0.1:8000:8000 --env PAYMENTAPP_TLS=proxy --env-file my.env paymentapp
#
# It listens on all addresses of its container, so it has to be told who encrypts: a proxy in front,
# as in compose.yaml (PAYMENTAPP_TLS=proxy), or gunicorn (GUNICORN_CMD_ARGS="--certfile ... --keyfile ...",
# and then a health check by https).

# Arguments of the build:
#   REQUIREMENTS=requirements-extras.txt  adds what ACH by SFTP, PGP, traces and XLSX need
#   BASE=...  another image with Python 3.11 or later, as `python`, such as a mirror's
#
# The base image is named by its tag, which its publisher can move. To pin what it is today, run this
# where Docker Hub can be reached, and commit the digest that it writes:
#
#   sed -i "s|^ARG BASE=python:[^ @]*|&@$(docker buildx imagetools inspect \
#     python:3.12.12-slim-trixie --format '{{.Manifest.Digest}}')|" Dockerfile

ARG BASE=python:3.12.12-slim-trixie

FROM ${BASE} AS build
ARG REQUIREMENTS=requirements.txt
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# What runs has no pip of its own: nothing is installed into it later.
RUN python -m venv --without-pip /opt/paymentapp && python -m venv /opt/build
WORKDIR /src
# Install the libraries first: they change less often than the service.
COPY requirements.txt requirements-extras.txt requirements-build.txt ./
RUN /opt/build/bin/pip --python /opt/paymentapp install --require-hashes --no-deps --requirement "$REQUIREMENTS" \
    && /opt/build/bin/pip install --require-hashes --no-deps --requirement requirements-build.txt
COPY pyproject.toml setup.cfg README.md LICENSE wsgi.py ./
COPY paymentapp paymentapp
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /src/wheel . \
    && /opt/build/bin/pip --python /opt/paymentapp install --no-deps --no-index /src/wheel/*.whl

FROM ${BASE} AS service
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin paymentapp \
    && install --directory --owner=paymentapp --mode=0700 /var/lib/paymentapp
COPY --from=build /opt/paymentapp /opt/paymentapp
COPY wsgi.py /srv/
WORKDIR /srv
ENV PATH=/opt/paymentapp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PAYMENTAPP_STORE=sqlite:////var/lib/paymentapp/paymentapp.db \
    PAYMENTAPP_HOST=0.0.0.0 \
    PORT=8000
USER 10001
VOLUME /var/lib/paymentapp
EXPOSE 8000
# Checks liveness, not readiness: a restart does not help an instance that cannot reach its store.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
# On SIGTERM gunicorn stops its workers, which finish requests and calls in flight.
CMD ["gunicorn", "-c", "python:paymentapp.gunicorn_conf", "wsgi:app"]

# The simulators, for compose.yaml; they are not part of the service's image.
FROM service AS simulators
COPY simulators /srv/simulators

FROM service
