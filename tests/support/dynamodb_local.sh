#!/bin/sh
# Runs AWS's DynamoDB Local in memory, on 127.0.0.1 alone, until it is stopped.
#
#   npm install --prefix DIR amplify-dynamodb-simulator@2.9.30
#   tests/support/dynamodb_local.sh DIR/node_modules/amplify-dynamodb-simulator/emulator 8777
#
# Needs a JDK, 11 or later. Prints one line when it can be used.
set -eu
if [ $# -ne 2 ] || [ ! -f "$1/DynamoDBLocal.jar" ]; then
    echo "usage: $0 FOLDER-OF-DynamoDBLocal.jar PORT" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
exec java -Djava.library.path=DynamoDBLocal_lib -cp "DynamoDBLocal.jar:DynamoDBLocal_lib/*" \
    "$here/DynamoDBLocal.java" -inMemory -sharedDb -disableTelemetry -port "$2"
