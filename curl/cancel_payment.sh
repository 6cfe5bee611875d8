#!/usr/bin/env bash
# Cancel a payment that has not been sent, or recall one that nobody has claimed.
#   curl/cancel_payment.sh CUSTOMER_ID PAYMENT_ID
source "$(dirname "$0")/common.sh"
requires 2

call POST "/v1/api/payment/$1/$2/cancel"
