import { defineConfig } from "vitest/config";

const isCi = process.env.CI === "true";

// The whole app in a browser, against servers of its own. One file after the other: each has a server and a browser.
export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A busy machine makes a real browser late in ways nobody wrote. A second attempt passes for CI, and `scripts/test`
    // prints the names of those that needed it, to be mended. By hand, the first failure counts.
    retry: isCi ? 1 : 0,
    reporters: isCi ? ["verbose"] : ["default"],
  },
});
