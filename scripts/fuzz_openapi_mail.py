"""A mail server that takes no mail, so that the fuzzer (see scripts/fuzz-openapi) finds mails that have failed.

Prints its port.
"""

import socketserver


class Refusal(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 fuzz\r\n")
        for line in self.rfile:
            known = not line.upper().startswith(b"RCPT")
            self.wfile.write(b"250 fuzz\r\n" if known else b"550 Nobody of this name\r\n")


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusal) as server:
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
