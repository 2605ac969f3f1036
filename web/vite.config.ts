import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";
import { compress } from "./scripts/compress.ts";

// `npm run dev` shows the app beside a server that runs elsewhere. A personal API key in THICKET_DEV_KEY goes along with
// every request then; without it you sign in as ever.
const server = process.env.THICKET_DEV_SERVER ?? "http://127.0.0.1:8080";
const key = process.env.THICKET_DEV_KEY;

export default defineConfig({
  plugins: [svelte(), svelteTesting(), compress()],
  resolve: { alias: { "~": new URL("./src", import.meta.url).pathname } },
  build: {
    // The server gives what lies here to browsers for ever: the names carry a hash.
    assetsDir: "app",
    target: "es2023",
    // The first ones that know `light-dark()`, on which the colours rest.
    cssTarget: ["chrome123", "edge123", "firefox120", "safari17.5"],
    // Small files would become `data:` addresses, which the policy forbids for scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": {
        target: server,
        headers: key ? { Authorization: `Bearer ${key}` } : {},
      },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts"],
  },
});
