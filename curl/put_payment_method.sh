#!/usr/bin/env bash
# Set a customer's details for a payment method.
#   curl/put_payment_method.sh CUSTOMER_ID METHOD NAME=VALUE...
#
# DEFAULT=true makes it the customer's default.
source "$(dirname "$0")/common.sh"
requires 3

customer=$1
method=$2
shift 2
details=
for detail in "$@"; do
  details+="${details:+, }\"${detail%%=*}\": \"${detail#*=}\""
done
send PUT "/v1/api/customer/$customer/payment-methods/$method" \
  "{\"details\": {$details}${DEFAULT:+, \"default\": $DEFAULT}}"
