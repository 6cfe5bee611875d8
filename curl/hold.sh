#!/usr/bin/env bash
# Hold payments: none of them is sent until the hold is released. Needs the scope payments:hold.
#   curl/hold.sh all REASON                               everything: the stop button
#   curl/hold.sh provider NAME REASON                     the payments of a payment method
#   curl/hold.sh customer CUSTOMER_ID REASON              the payments of a customer
#   curl/hold.sh payment CUSTOMER_ID/PAYMENT_ID REASON    one payment
#   curl/hold.sh                                          list what is held
source "$(dirname "$0")/common.sh"

if [ $# = 0 ]; then
  call GET /v1/api/holds
elif [ "$1" = all ]; then
  requires 2
  send POST /v1/api/holds "{\"scope\": \"all\", \"reason\": \"$2\"}"
else
  requires 3
  send POST /v1/api/holds "{\"scope\": \"$1\", \"value\": \"$2\", \"reason\": \"$3\"}"
fi
