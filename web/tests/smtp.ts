/** A mail server that answers as it is told to. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";

export class MailServer {
  /** What it says to every recipient, such as `250 ok`. */
  answer = "250 ok";
  /** Who has been sent something. */
  readonly delivered: string[] = [];

  private constructor(readonly server: Server) {}

  static async start(): Promise<MailServer> {
    const server = createServer();
    const mail = new MailServer(server);
    server.on("connection", (socket) => {
      let isText = false;
      let to = "";
      let rest = "";
      const say = (line: string) => socket.write(`${line}\r\n`);
      const hear = (line: string) => {
        if (isText) {
          if (line !== ".") return;
          isText = false;
          mail.delivered.push(to);
          say("250 taken");
        } else if (/^RCPT/i.test(line)) {
          to = /<(.*?)>/.exec(line)?.[1] ?? "";
          say(mail.answer);
        } else if (/^DATA/i.test(line)) {
          isText = true;
          say("354 go on");
        } else if (/^QUIT/i.test(line)) {
          say("221 bye");
          socket.end();
        } else {
          say("250 ok");
        }
      };
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        const lines = (rest + chunk.toString()).split("\r\n");
        rest = lines.pop() ?? "";
        lines.forEach(hear);
      });
      say("220 here");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return mail;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.address() as AddressInfo).port}?tls=off`;
  }

  stop() {
    this.server.close();
  }
}
