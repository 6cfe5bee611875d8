#!/usr/bin/env bash
# Delete a customer's details for a payment method.   curl/delete_payment_method.sh CUSTOMER_ID METHOD
source "$(dirname "$0")/common.sh"
requires 2

call DELETE "/v1/api/customer/$1/payment-methods/$2"
