#!/usr/bin/env bash
# List the payments of all customers, newest first.   curl/list_account_payments.sh [QUERY]
#
# QUERY is for example 'limit=10&status=succeeded' or 'reference=invoice-1007'.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/payment${1:+?$1}"
