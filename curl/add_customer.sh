#!/usr/bin/env bash
# Register a customer.   curl/add_customer.sh [CUSTOMER_ID [EMAIL]]
source "$(dirname "$0")/common.sh"

customer=${1:-unixuser1}
email=${2:-$customer@example.com}

send POST /v1/api/customer "{\"customer_id\": \"$customer\", \"email\": \"$email\"}"
