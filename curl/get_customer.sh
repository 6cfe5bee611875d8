#!/usr/bin/env bash
# Show a customer.   curl/get_customer.sh [CUSTOMER_ID]
source "$(dirname "$0")/common.sh"

call GET "/v1/api/customer/${1:-unixuser1}"
