import { expect, test } from "vitest";
import { articleOf } from "./markdown-files.ts";

test("the first heading is the title, and not repeated in the body", () => {
  expect(articleOf("a.md", "# Refunds\n\nWithin 30 days.")).toEqual({
    title: "Refunds",
    body: "Within 30 days.",
  });
});

test("without a heading the file's name is the title", () => {
  expect(articleOf("how-to_pay.md", "By card.").title).toBe("How to pay");
});

test("a heading further down is part of the body", () => {
  const article = articleOf("pay.md", "Intro.\n\n# Cards\n\nAll.");
  expect(article).toEqual({ title: "Pay", body: "Intro.\n\n# Cards\n\nAll." });
});

test("front matter gives title and address, and is no text", () => {
  const text = '---\r\ntitle: "Paying"\r\nurl: https://example.com/pay\r\n---\r\n\r\nBy card.';
  expect(articleOf("x.md", text)).toEqual({
    title: "Paying",
    url: "https://example.com/pay",
    body: "By card.",
  });
});
