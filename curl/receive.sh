#!/usr/bin/env bash
# Have events posted to examples/receiver.py, pay somebody, and show the signed event that it got.
# For a service on this machine that `make run` has started.   curl/receive.sh [CUSTOMER_ID]
#
# RECEIVER_PORT is the receiver's (8010), PYTHON one that has Flask and standardwebhooks.
here=$(dirname "$0")
source "$here/common.sh"

customer=${1:-receive-$(date +%s)-$$}
port=${RECEIVER_PORT:-8010}
python=${PYTHON:-$here/../.venv/bin/python}
folder=$(mktemp -d)
received="$folder/received.txt"

say() { printf '\n# %s\n' "$*"; }
clean_up() {
  kill "$receiver" || true
  "$here/webhooks.sh" delete "$endpoint"
  rm -r "$folder"
}

say "Register an endpoint for payments that have succeeded; the answer has its secret"
registered=$("$here/webhooks.sh" "http://127.0.0.1:$port/events" payment.succeeded)
endpoint=$(field id <<<"$registered")
echo "$endpoint"

say "Start the receiver with that secret"
WEBHOOK_SECRET=$(field secret <<<"$registered") PYTHONUNBUFFERED=1 \
  "$python" "$here/../examples/receiver.py" "$port" "$folder/received.db" >"$received" 2>"$folder/log" &
receiver=$!
trap clean_up EXIT

say "Pay $customer"
"$here/add_customer.sh" "$customer"
paid=$("$here/pay_customer.sh" "$customer" 12.50 USD)
payment_id=$(field payment_id <<<"$paid")
echo "$payment_id"

say "Wait for the event"
for _ in $(seq 120); do
  grep -q "$payment_id" "$received" && break
  sleep 0.5
done
grep "$payment_id" "$received" || { cat "$folder/log" >&2; echo "receive: no event has come" >&2; exit 1; }
