#!/usr/bin/env bash
# List customers.   curl/list_customers.sh [QUERY]
#
# QUERY is for example 'limit=10' or 'email=unixuser1@example.com'.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/customer${1:+?$1}"
