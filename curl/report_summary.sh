#!/usr/bin/env bash
# Sum the payments of all customers up.   curl/report_summary.sh [QUERY]
#
# QUERY is for example 'by=day,status&from=2026-03-01&to=2026-03-31'.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/reports/summary${1:+?$1}"
