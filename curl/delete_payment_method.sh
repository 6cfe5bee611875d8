#!/usr/bin/env bash
# Delete a customer's details for a payment method.   curl/delete_payment_method.sh CUSTOMER_ID METHOD
source "$(dirname "$0")/common.sh"

call DELETE "/v1/api/customer/${1:?customer id}/payment-methods/${2:?payment method}"
