#!/usr/bin/env bash
# List a customer's payment methods; of account numbers only the last four digits.
#   curl/list_payment_methods.sh [CUSTOMER_ID]
source "$(dirname "$0")/common.sh"

call GET "/v1/api/customer/${1:-unixuser1}/payment-methods"
