#!/usr/bin/env bash
# Show what the accounts at the providers have, and what is to be paid from them.   curl/balances.sh
source "$(dirname "$0")/common.sh"

call GET "/v1/api/balances"
