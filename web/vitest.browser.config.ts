import { defineConfig } from "vitest/config";

// The whole app in a browser, against servers of its own. One file after the other: each has a server and a browser.
export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // As long as the browser waits for what is drawn; a disk that is busy makes an answer take more than the one second
    // that is the default. No test measures time by this.
    expect: { poll: { timeout: 30_000 } },
  },
});
