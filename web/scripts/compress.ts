import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(html|js|css|svg|json)$/;
// Below this, the headers are most of the answer.
const WORTH_IT = 1024;

/** Puts a `.br` and a `.gz` beside every file of the build that gains by it. */
export function compress(): Plugin {
  let folder = "dist";
  return {
    name: "compress",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true });
      await Promise.all(
        entries.filter((name) => TEXT.test(name)).map((name) => one(join(folder, name))),
      );
    },
  };
}

async function one(path: string) {
  const bytes = await readFile(path);
  if (bytes.length < WORTH_IT) return;
  const forms = {
    br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    gz: gzipSync(bytes, { level: 9 }),
  };
  for (const [suffix, small] of Object.entries(forms)) {
    if (small.length < bytes.length) await writeFile(`${path}.${suffix}`, small);
  }
}
