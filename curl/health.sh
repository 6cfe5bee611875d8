#!/usr/bin/env bash
# Is the service alive, and is it ready to pay?   curl/health.sh
source "$(dirname "$0")/common.sh"

call GET /healthz
call GET /readyz
