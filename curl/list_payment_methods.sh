#!/usr/bin/env bash
# List how a customer is paid; of account numbers the last four alone.
#   curl/list_payment_methods.sh [CUSTOMER_ID]
source "$(dirname "$0")/common.sh"

call GET "/v1/api/customer/${1:-unixuser1}/payment-methods"
