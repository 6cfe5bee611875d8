#!/usr/bin/env bash
# Forget how a customer is paid by a method.   curl/delete_payment_method.sh CUSTOMER_ID METHOD
source "$(dirname "$0")/common.sh"

call DELETE "/v1/api/customer/${1:?which customer}/payment-methods/${2:?which method}"
