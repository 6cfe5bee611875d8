#!/usr/bin/env bash
# Follow what happens.   curl/events.sh [AFTER [TYPE]]
# AFTER is the `next_cursor` of the last answer, or empty: from the oldest event that is kept.
source "$(dirname "$0")/common.sh"

call GET "/v1/api/events?limit=100${1:+&after=$1}${2:+&type=$2}"
