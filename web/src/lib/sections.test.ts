import { expect, test } from "vitest";
import { lastHeading, sectionOf } from "./sections.ts";

const ARTICLE =
  "# Streams\n\nintro\n\n## Resuming\n\nhow\n\n### Cursors\n\nwhat\n\n## Limits\n\nmany";

test("a section ends at the next heading of its rank", () => {
  expect(sectionOf(ARTICLE, "Resuming")).toBe("how\n\n### Cursors\n\nwhat");
  expect(sectionOf(ARTICLE, "limits")).toBe("many");
});

test("a heading that is not there has no section", () => {
  expect(sectionOf(ARTICLE, "Prices")).toBeNull();
  expect(sectionOf("```\n# Resuming\n```", "Resuming")).toBeNull();
});

test("of a path of headings the last one counts", () => {
  expect(lastHeading("Streams › Resuming")).toBe("Resuming");
});
