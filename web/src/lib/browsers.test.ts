import { expect, test } from "vitest";
import { browserOf } from "./browsers.ts";

test("browsers are told by name and system", () => {
  expect(browserOf("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe(
    "Firefox on Linux",
  );
  const edge =
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0";
  expect(browserOf(edge)).toBe("Edge on Windows");
});

test("what is no browser is called what it calls itself", () => {
  expect(browserOf("curl/8.5")).toBe("curl/8.5");
  expect(browserOf("")).toBe("An unknown browser");
});
