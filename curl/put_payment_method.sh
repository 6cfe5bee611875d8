#!/usr/bin/env bash
# Say how a customer is paid by a method.
#   curl/put_payment_method.sh CUSTOMER_ID METHOD NAME=VALUE...
#
# DEFAULT=true makes it the customer's default.
source "$(dirname "$0")/common.sh"

customer=${1:?which customer}
method=${2:?which method: paypal, stripe, ach}
shift 2
details=
for detail in "$@"; do
  details+="${details:+, }\"${detail%%=*}\": \"${detail#*=}\""
done
send PUT "/v1/api/customer/$customer/payment-methods/$method" \
  "{\"details\": {$details}${DEFAULT:+, \"default\": $DEFAULT}}"
