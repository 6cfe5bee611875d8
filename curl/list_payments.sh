#!/usr/bin/env bash
# List a customer's payments, newest first.   curl/list_payments.sh [CUSTOMER_ID [QUERY]]
#
# QUERY is for example 'limit=10&status=succeeded' or 'from=2026-01-01T00:00:00Z'.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/payment/${1:-unixuser1}${2:+?$2}"
