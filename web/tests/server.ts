/** A server of its own for each file of tests: `thicket demo` in an empty folder, with the app that was built into it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY =
  process.env.TEST_BINARY ?? new URL("../../target/debug/thicket", import.meta.url).pathname;

export interface Server {
  url: string;
  email: string;
  password: string;
  /** An API key that may do everything. */
  key: string;
  stop(): Promise<void>;
}

export async function startServer(environment: Record<string, string> = {}): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "thicket-web-"));
  const process_ = spawn(BINARY, ["demo"], {
    env: {
      ...process.env,
      THICKET_LISTEN: "127.0.0.1:0",
      THICKET_DATA_DIR: folder,
      THICKET_SHUTDOWN_GRACE: "1s",
      ...environment,
    },
  });
  const said = await greeting(process_);
  const found = (pattern: RegExp) => {
    const text = pattern.exec(said)?.[1];
    if (!text) throw new Error(`the server did not say ${pattern}:\n${said}`);
    return text;
  };
  return {
    url: found(/listening on (\S+)/),
    email: found(/Login\s+(\S+)/),
    password: found(/Login\s+\S+\s+(\S+)/),
    key: found(/API key\s+(\S+)/),
    stop: async () => {
      const gone = new Promise((resolve) => process_.once("exit", resolve));
      process_.kill("SIGKILL");
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What it prints until it is ready. */
function greeting(process_: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      if (/Ctrl-C stops/.test(said)) resolve(said);
    };
    process_.stdout?.on("data", listen);
    process_.stderr?.on("data", listen);
    process_.once("error", reject);
    process_.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
  });
}
