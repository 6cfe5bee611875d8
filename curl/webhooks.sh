#!/usr/bin/env bash
# Have events posted to a URL; the answer has the secret.   curl/webhooks.sh URL [TYPE...]
# Without a TYPE, such as payment.succeeded, events of every type. IDEMPOTENCY_KEY identifies the
# request: a retry with the same key registers nothing else, and answers the same secret.
#   curl/webhooks.sh delete ENDPOINT   sends no more events there
source "$(dirname "$0")/common.sh"
requires 1

endpoints=/v1/api/webhook-endpoints
if [ "${1:-}" = delete ]; then
  requires 2
  call DELETE "$endpoints/$2"
  exit
fi
url_of_endpoint=$1
shift
types=
for type in "$@"; do
  types="${types:+$types,}\"$type\""
done
key=${IDEMPOTENCY_KEY:-$(date +%s)-$$-$RANDOM}
send POST "$endpoints" "{\"url\":\"$url_of_endpoint\",\"event_types\":[$types]}" \
  --header "Idempotency-Key: \"$key\""
