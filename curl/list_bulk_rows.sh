#!/usr/bin/env bash
# List what became of the rows of a bulk run.   curl/list_bulk_rows.sh BULK_ID [QUERY]
#
# QUERY: status=rejected&limit=100, for example.
source "$(dirname "$0")/common.sh"
requires 1

call GET "/v1/api/bulk/$1/rows${2:+?$2}"
