import { defineConfig } from "vitest/config";

// The whole app in a browser, against servers of its own. One file after the other: each has a server and a browser.
export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
