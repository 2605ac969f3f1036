import { expect, test } from "vitest";
import { preview } from "./markdown";

test.each([
  [
    "**bold**, *slanted*, __bold__, _slanted_ and ~~gone~~",
    "bold, slanted, bold, slanted and gone",
  ],
  ["***both*** and **one *in* the other**", "both and one in the other"],
  ["# A title\n\n- one\n- two\n> said", "A title one two said"],
  ["![cat](a.png) ![](b.png) [words](https://example.com/_a_)", "[cat] [image] words"],
  ["**see `a_b` there**", "see a_b there"],
  ["```sh\nmake demo\n```\nDone", "make demo Done"],
])("a preview has the words and not the marks: %s", (text, words) => {
  expect(preview(text)).toBe(words);
});

test("a link before bold words leaves no mark behind", () => {
  expect(preview("[u](u) **x**")).toBe("u x");
});

test.each([
  "set THICKET_DATA_DIR and snake_case_names",
  "2 * 3 * 4 is 24",
  "**not closed",
  "*closed by another_",
  "~/.config and ~/.cache",
  "https://example.com/_next_/a",
])("what is no mark stays: %s", (text) => {
  expect(preview(text)).toBe(text);
});

test("what stands in code stays as it is", () => {
  expect(preview("use `**` or `_x_`")).toBe("use ** or _x_");
});
