import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(html|js|css|svg|json)$/;
// Below this, the headers are most of the answer.
const WORTH_IT = 1024;

/**
 * Puts a `.br` and a `.gz` in the place of every file of the build that gains by it: whoever understands neither gets what the
 * server unpacks. Pages stay beside theirs; that they are there says that the app has been built.
 */
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
  const sizes = Object.values(forms).map((form) => form.length);
  if (Math.max(...sizes) >= bytes.length) return;
  for (const [suffix, small] of Object.entries(forms)) await writeFile(`${path}.${suffix}`, small);
  if (!path.endsWith(".html")) await rm(path);
}
