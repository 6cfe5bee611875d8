#!/usr/bin/env bash
# Retry a payment that failed, was returned or was rejected: make a new one in its place.
#   curl/retry.sh CUSTOMER_ID PAYMENT_ID [METHOD]
#
# IDEMPOTENCY_KEY identifies the request, as for curl/pay_customer.sh. WAIT=5 waits up to five seconds
# for the outcome.
source "$(dirname "$0")/common.sh"
requires 2

key=${IDEMPOTENCY_KEY:-$(date +%s)-$$-$RANDOM}
body="{${3:+\"payment_method\": \"$3\"}}"
prefer=()
if [ -n "${WAIT:-}" ]; then
  prefer=(--header "Prefer: wait=$WAIT")
fi
send POST "/v1/api/payment/$1/$2/retry" "$body" \
  --header "Idempotency-Key: \"$key\"" "${prefer[@]}"
