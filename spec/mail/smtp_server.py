"""An SMTP server that takes mails into a folder and misbehaves for certain recipients.

    python3 smtp_server.py FOLDER CERT KEY USER PASSWORD

It listens on three ports of 127.0.0.1 (plain, STARTTLS, TLS) and says which in one line. A recipient
later@, never@: 451, 550 at RCPT; later-data@, never-data@: the same after the whole mail; cut@: it takes the
mail and goes away without a word; deaf@: it takes the mail and says nothing; half@: it takes no byte after
"354" and goes away."""
import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, cert, key, user, password = sys.argv[1:6]
count = 0


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "later":
            return "451 4.3.0 try again later"
        if name == "never":
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global count
        name = envelope.rcpt_tos[0].split("@")[0]
        if name == "later-data":
            return "451 4.3.0 try again later"
        if name == "never-data":
            return "554 5.6.0 we do not like it"
        count += 1
        path = os.path.join(folder, "%04d" % count)
        with open(path + ".part", "wb") as f:
            f.write(("%s>%s\n" % (envelope.mail_from, ",".join(envelope.rcpt_tos))).encode())
            f.write(envelope.original_content)
        os.rename(path + ".part", path)
        if name == "cut":
            server.transport.abort()
        if name == "deaf":
            await asyncio.sleep(100)
        return "250 OK"


class Server(SMTP):
    async def push(self, status):
        await super().push(status)
        text = status if isinstance(status, str) else status.decode()
        if text.startswith("354") and self.envelope.rcpt_tos[0].startswith("half@"):
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.3, self.transport.abort)


def check(server, session, envelope, mechanism, data):
    good = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=good, handled=False)


def make(tls):
    return Server(Handler(), hostname="localhost", auth_required=True, auth_require_tls=False, authenticator=check,
                  tls_context=tls)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    loop = asyncio.get_running_loop()
    ports = []
    for inner, outer in ((None, None), (context, None), (None, context)):
        server = await loop.create_server(lambda tls=inner: make(tls), "127.0.0.1", 0, ssl=outer)
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.sleep(280)


asyncio.run(main())
