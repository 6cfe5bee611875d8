#!/usr/bin/env bash
# Show whether the service is alive, and whether it is ready.   curl/health.sh
source "$(dirname "$0")/common.sh"

call GET /healthz
call GET /readyz
