# Shared by the scripts in this folder: service URL, API key, usage, and functions that call the
# service. JSON is indented on a terminal, and as the service sent it in a pipe.
#
#   PAYMENTAPP_URL   default http://127.0.0.1:$PORT
#   PORT             default that of `make run` in this checkout (var/dev.env), else 8000
#   PAYMENTAPP_KEY   an API key; not needed with `make run`

set -euo pipefail

scripts=$(dirname "${BASH_SOURCE[0]}")
served=$(sed -n 's/^export PORT=//p' "$scripts/../var/dev.env" 2>/dev/null || true)
url=${PAYMENTAPP_URL:-http://127.0.0.1:${PORT:-${served:-8000}}}
auth=()
if [ -n "${PAYMENTAPP_KEY:-}" ]; then
  auth=(-H "Authorization: Bearer $PAYMENTAPP_KEY")
fi

# usage: print the comment at the top of the script.
usage() {
  sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0"
}

# requires NUMBER: print the usage and exit, unless so many arguments are given, and none is empty.
given=("$@")
requires() {
  local place
  for ((place = 0; place < $1; place++)); do
    if [ -z "${given[place]:-}" ]; then
      usage >&2
      exit 2
    fi
  done
}

case "${1:-}" in -h | --help)
  usage
  exit
  ;;
esac

# show: print the JSON on standard input, indented on a terminal.
show() {
  if [ -t 1 ]; then
    awk -f "$scripts/pretty.awk"
  else
    cat
    echo
  fi
}

# call METHOD PATH [CURL ARGUMENTS...]: print the response body; fail on an HTTP error.
call() {
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail-with-body --max-time 40 \
    --request "$method" "${auth[@]}" "$@" "$url$path" | show
}

# send METHOD PATH BODY [CURL ARGUMENTS...]: the same with a JSON body.
send() {
  local method=$1 path=$2 body=$3
  shift 3
  call "$method" "$path" --header 'Content-Type: application/json' --data "$body" "$@"
}

# field NAME: print the first string member of that name in the JSON on standard input.
field() {
  grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}
