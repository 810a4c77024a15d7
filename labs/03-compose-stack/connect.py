"""Ask Postgres whether it accepts a user and a password; the check runs this beside the API."""

import sys

import psycopg

address, user, name, password = sys.argv[1:]
host, port = address.split(":")
try:
    psycopg.connect(
        host=host, port=port, user=user, dbname=name, password=password, connect_timeout=5
    )
except psycopg.OperationalError as error:
    sys.exit(str(error))
