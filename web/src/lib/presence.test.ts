import { expect, test } from "vitest";
import { doing, listNames } from "./presence";

test("names are listed as people would", () => {
  expect(listNames(["Ada"])).toBe("Ada");
  expect(listNames(["Ada", "Jo"])).toBe("Ada and Jo");
  expect(listNames(["Ada", "Jo", "Kim"])).toBe("Ada and 2 others");
});

test("what they do is said for one and for many", () => {
  expect(doing([], "viewing")).toBe("");
  expect(doing(["Ada"], "viewing")).toBe("Ada is viewing");
  expect(doing(["Ada", "Jo"], "typing")).toBe("Ada and Jo are typing …");
});
