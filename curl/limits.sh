#!/usr/bin/env bash
# Show the limits and their use.   curl/limits.sh [CUSTOMER_ID]
# Of the rules for each customer, only the use of CUSTOMER_ID is shown.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/limits${1:+?customer_id=$1}"
