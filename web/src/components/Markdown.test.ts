import { render } from "@testing-library/svelte";
import { expect, test } from "vitest";
import Markdown from "./Markdown.svelte";

const html = (text: string) => {
  const { container } = render(Markdown, { text });
  return container.querySelector(".markdown") as HTMLElement;
};

test("text, lists, tables and code are drawn as what they are", () => {
  const shown = html(
    "**bold** and `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx < y\n```",
  );
  expect(shown.querySelector("strong")?.textContent).toBe("bold");
  expect(shown.querySelectorAll("li")).toHaveLength(2);
  expect(shown.querySelector("td")?.textContent).toBe("1");
  expect(shown.querySelector("pre")?.textContent).toBe("x < y");
});

test("HTML in a message is text", () => {
  const shown = html(
    'hello <img src=x onerror="alert(1)"> <script>alert(2)</script>\n\n<svg onload=alert(3)>',
  );
  expect(shown.querySelector("img, script, svg")).toBeNull();
  expect(shown.textContent).toContain('<img src=x onerror="alert(1)">');
});

test("links lead only where links may, and tell nobody where they were", () => {
  const shown = html("[a](https://example.com) [b](javascript:alert(1)) [c](data:text/html,x)");
  const links = shown.querySelectorAll("a");
  expect(links).toHaveLength(1);
  expect(links[0]?.rel).toContain("noopener");
  expect(shown.textContent).toContain("b");
});

test("images of other servers are links, so that nobody learns who reads what", () => {
  const shown = html("![cat](https://example.com/cat.png) ![ours](/uploaded_media/1)");
  expect(shown.querySelectorAll("img")).toHaveLength(1);
  expect(shown.querySelector("img")?.getAttribute("src")).toBe("/uploaded_media/1");
  expect(shown.querySelector("a")?.textContent).toBe("cat");
});

test("line breaks of a customer stay", () => {
  expect(html("one\ntwo").querySelectorAll("br")).toHaveLength(1);
});
