"""The WSGI entry: `gunicorn -c python:paymentapp.gunicorn_conf wsgi:app`."""

from paymentapp.server import serving_app

app = serving_app()
