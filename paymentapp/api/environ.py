"""Names in the WSGI environ by which the server in front says what it knows."""

from __future__ import annotations

STOPPING = "paymentapp.stopping"  # a threading.Event that is set when the process is to end
# Whether the application has begun with this request before, and left it (web/incoming.py) because
# its body had not come. What counts requests counts it once: `environ.get(RESUMED)` is false then.
RESUMED = "paymentapp.resumed"
