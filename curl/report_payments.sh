#!/usr/bin/env bash
# Write the payments of all customers as CSV.   curl/report_payments.sh [QUERY]
#
# QUERY is for example 'from=2026-03-01&to=2026-03-31' or 'status=returned'.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/reports/payments${1:+?$1}"
