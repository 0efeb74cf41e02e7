# SPDX-License-Identifier: Apache-2.0
"""What the fake servers of the plugins http, s3 and sofa have in common, and how others are waited for."""
import http.server
import socket
import threading


class FakeServer(http.server.ThreadingHTTPServer):
    """Serves from when it is made until it is left; port 0: one that is free."""
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, handler, port=0):
        self.asked = []  # what was asked for, as the handler notes it
        self.ends = threading.Event()
        super().__init__(('127.0.0.1', port), handler)
        self.port = self.server_address[1]
        self.url = f'http://127.0.0.1:{self.port}'
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.ends.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass


class FakeHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, code, body=b'', **headers):
        """In a header's name an underscore stands for a hyphen."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), str(value))
        if 'Content_Length' not in headers and 'Content-Length' not in headers:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD' and body:
            self.wfile.write(body)

    def hang(self):
        self.server.ends.wait(60)
        self.close_connection = True


def listens(port):
    """Does a server that was started listen there now?"""
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return True
    except OSError:
        return False


def whole(c, path):
    """What a file has, read until its end."""
    f = c.opened(path, access=1)
    data = b''
    while True:
        piece = c.read(f, 1 << 18, len(data))
        if isinstance(piece, str):
            if piece != 'END_OF_FILE':
                raise AssertionError(f'{path}: {piece} at {len(data)}')
            c.close(f)
            return data
        data += piece
