#!/usr/bin/env bash
# Show what has changed in a customer's record, when and by whom, newest first.
#   curl/get_customer_history.sh [CUSTOMER_ID [QUERY]]
#
# QUERY is for example 'limit=10'.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/customer/${1:-unixuser1}/history${2:+?$2}"
