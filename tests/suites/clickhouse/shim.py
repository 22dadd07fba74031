"""Serves ClickHouse's engine (chdb) over HTTP on loopback, as far as the sink speaks it.

The engine is ClickHouse's own; this HTTP layer is not. What statuses and headers a real server has is seen on the old one.

    python shim.py PORT FOLDER

FOLDER/password holds the password of the user `danube`; FOLDER/data is kept from one start to the next.
"""

import gzip
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
SESSION = Session(FOLDER + "/data")
# The engine runs one query of a session at a time.
LOCK = threading.Lock()
STATUS = {"516": 403, "60": 404, "81": 404, "115": 404, "26": 400, "72": 400}


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        with open(FOLDER + "/password") as file:
            password = file.read()
        user, key = self.headers.get("x-clickhouse-user"), self.headers.get("x-clickhouse-key")
        if (user, key) != ("danube", password):
            return self.refuse("Code: 516. DB::Exception: danube: Authentication failed. (AUTHENTICATION_FAILED)")
        parameters = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        query = parameters.pop("query", None)
        if query is None:
            query, body = body.decode(), b""
        if parameters:
            settings = ", ".join(f"{name} = {quoted(value)}" for name, value in parameters.items())
            query = re.sub(r" FORMAT (\w+)$", rf" SETTINGS {settings} FORMAT \1".replace("\\\\", "\\\\\\\\"), query)
        text = query + "\n" + body.decode() if body else query
        try:
            with LOCK:
                result = SESSION.query(text, "TabSeparated")
                answer = result.bytes() if result else b""
        except Exception as error:
            return self.refuse(str(error))
        self.answer(200, answer)

    def refuse(self, error):
        code = re.search(r"Code: (\d+)", error)
        self.answer(STATUS.get(code and code[1], 500), error.encode(), {"X-ClickHouse-Exception-Code": code and code[1]})

    def answer(self, status, body, headers={}):
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True


print("ready", flush=True)
Server(("127.0.0.1", PORT), Handler).serve_forever()
