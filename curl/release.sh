#!/usr/bin/env bash
# Release a hold: its payments are sent within seconds. Needs the scope payments:hold.
#   curl/release.sh HOLD_ID                    a hold, as curl/hold.sh lists it
#   curl/release.sh CUSTOMER_ID PAYMENT_ID     the hold of one payment
source "$(dirname "$0")/common.sh"
requires 1

if [ $# = 2 ]; then
  call POST "/v1/api/payment/$1/$2/release"
else
  call DELETE "/v1/api/holds/$1"
fi
