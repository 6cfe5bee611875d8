#!/usr/bin/env bash
# Show a bulk run and how far it has got.   curl/get_bulk_run.sh BULK_ID
source "$(dirname "$0")/common.sh"
requires 1

call GET "/v1/api/bulk/$1"
