#!/usr/bin/env bash
# Show a payment and its history.   curl/get_payment.sh CUSTOMER_ID PAYMENT_ID
source "$(dirname "$0")/common.sh"
requires 2

call GET "/v1/api/payment/$1/$2"
