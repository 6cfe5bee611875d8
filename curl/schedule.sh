#!/usr/bin/env bash
# Pay a customer later.   curl/schedule.sh SCHEDULED_AT [CUSTOMER_ID [AMOUNT [CURRENCY [EMAIL]]]]
#   curl/schedule.sh 2026-11-01T09:00:00-05:00 unixuser1 12.50 USD
#   curl/schedule.sh "$(date -u -d '+1 minute' +%FT%TZ)"
#
# It stays pending until its time, and curl/cancel_payment.sh cancels it. IDEMPOTENCY_KEY and METHOD
# are as for curl/pay_customer.sh.
source "$(dirname "$0")/common.sh"
requires 1

at=$1
shift
SCHEDULED_AT=$at exec "$(dirname "$0")/pay_customer.sh" "$@"
