// The tests in a browser. With CI=true what failed is tried once more, each test by itself, with a server and a browser
// of its own: a busy machine makes a browser late in ways nobody wrote, and what a first attempt left behind (a ticket
// with the same name) would fail the second. Those that passed then are printed, to be mended. By hand, the first
// failure counts.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** More than these are no accident. */
const MOST_ATTEMPTS = 5;

const isCi = process.env.CI === "true";
const folder = mkdtempSync(join(tmpdir(), "thicket-browser-"));
const report = join(folder, "report.json");

/** The status that the runner ended with. */
function run(...more) {
  const options = ["run", "--config", "vitest.browser.config.ts", ...more];
  return spawnSync("npx", ["vitest", ...options], { stdio: "inherit" }).status ?? 1;
}

/** The tests that failed, each with its file and with what was wrong; null if that cannot be told, as when a file could not be read at all. */
function failedTests() {
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const found = [];
  for (const { name, status, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (status === "failed" && failed.length === 0) return null;
    for (const { fullName, failureMessages } of failed) {
      const [why = ""] = (failureMessages[0] ?? "").split("\n");
      found.push({ file: relative(".", name), test: fullName, why: stripVTControlCharacters(why) });
    }
  }
  return found.length > 0 ? found : null;
}

const exactly = (name) => `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;

function runAll() {
  const reporters = isCi ? ["--reporter=verbose"] : ["--reporter=default"];
  const status = run(
    ...reporters,
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  );
  if (status === 0 || !isCi) return status;
  const failed = failedTests();
  if (!failed || failed.length > MOST_ATTEMPTS) return status;
  console.log(`\n${failed.length} failed, and will be tried once more, each by itself.`);
  const again = failed.map(({ file, test, why }) => {
    const hasPassed = run("--reporter=verbose", file, "--testNamePattern", exactly(test)) === 0;
    return { hasPassed, what: `${file} > ${test}`, why };
  });
  for (const { hasPassed, what, why } of again) {
    console.log(hasPassed ? ` ✓ ${what} (retry x1) after: ${why}` : ` FAIL  ${what}: ${why}`);
  }
  return again.every(({ hasPassed }) => hasPassed) ? 0 : status;
}

try {
  process.exitCode = runAll();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
