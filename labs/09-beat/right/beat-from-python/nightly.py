"""Beat, started from Python."""

from tasks import app

app.Beat(loglevel="INFO", pidfile="beat.pid", schedule="state/nights").run()
