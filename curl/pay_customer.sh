#!/usr/bin/env bash
# Pay a customer.   curl/pay_customer.sh [CUSTOMER_ID [AMOUNT [CURRENCY [EMAIL]]]]
#
# IDEMPOTENCY_KEY identifies the request: a retry with the same key does not pay again.
# WAIT=5 waits up to five seconds for the outcome. METHOD=paypal sets the payment method; without it
# the customer's default and the routing rules of the service decide. SCHEDULED_AT is when it leaves.
# REFERENCE is your own name for it, DESCRIPTION what it is for (neither with quotes in it).
# OPTIONS=NAME=VALUE,... is what it asks of the payment method.
source "$(dirname "$0")/common.sh"

customer=${1:-unixuser1}
amount=${2:-12.50}
currency=${3:-USD}
email=${4:-$customer@example.com}
key=${IDEMPOTENCY_KEY:-$(date +%s)-$$-$RANDOM}

options=
IFS=, read -ra chosen <<<"${OPTIONS:-}"
for option in "${chosen[@]}"; do
  options+="${options:+, }\"${option%%=*}\": \"${option#*=}\""
done
body="{\"customer_id\": \"$customer\", \"email\": \"$email\", \"amount\": $amount, \"currency\": \"$currency\"${METHOD:+, \"payment_method\": \"$METHOD\"}${SCHEDULED_AT:+, \"scheduled_at\": \"$SCHEDULED_AT\"}${REFERENCE:+, \"reference\": \"$REFERENCE\"}${DESCRIPTION:+, \"description\": \"$DESCRIPTION\"}${options:+, \"options\": {$options\}}}"
prefer=()
if [ -n "${WAIT:-}" ]; then
  prefer=(--header "Prefer: wait=$WAIT")
fi
send POST /v1/api/payment "$body" --header "Idempotency-Key: \"$key\"" "${prefer[@]}"
