#!/usr/bin/env bash
# Write the payments of all customers as CSV.   curl/report_payments.sh [QUERY]
#
# QUERY is for example 'from=2026-03-01&to=2026-03-31' or 'status=returned'. Where the report is
# incomplete, curl says so and exits with 18.
source "$(dirname "$0")/common.sh"

curl --silent --show-error --fail-with-body --max-time 3600 \
  "${auth[@]}" "$url/v1/api/reports/payments${1:+?$1}"
