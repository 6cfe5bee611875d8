"""How requests reach the application: a worker of gunicorn in which slow clients hold no thread."""
