#!/usr/bin/env bash
# Approve a payment that awaits approval, or reject it. Needs the scope payments:approve, and another
# client than the one that requested the payment.
#   curl/approve.sh CUSTOMER_ID PAYMENT_ID [NOTE]
#   REJECT=1 curl/approve.sh CUSTOMER_ID PAYMENT_ID REASON
source "$(dirname "$0")/common.sh"
requires 2

path="/v1/api/payment/$1/$2"
if [ -n "${REJECT:-}" ]; then
  requires 3
  send POST "$path/reject" "{\"reason\": \"$3\"}"
else
  send POST "$path/approve" "{${3:+\"note\": \"$3\"}}"
fi
