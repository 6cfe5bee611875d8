#!/usr/bin/env bash
# Have events posted to a URL; the answer has the secret, this once.   curl/webhooks.sh URL [TYPE...]
# Without a TYPE, such as payment.succeeded, events of every type.
source "$(dirname "$0")/common.sh"

url_of_endpoint=${1:?URL is missing}
shift
types=
for type in "$@"; do
  types="${types:+$types,}\"$type\""
done
send POST /v1/api/webhook-endpoints "{\"url\":\"$url_of_endpoint\",\"event_types\":[$types]}"
