// Writes the types of the API, from the OpenAPI document that the server's own tests keep true.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const SNAPSHOT =
  "../../crates/api/src/openapi/snapshots/api__openapi__tests__the_document_is_as_reviewed.snap";

const snapshot = await readFile(new URL(SNAPSHOT, import.meta.url), "utf8");
// Two lines of dashes with the snapshot's own description between them, then the document.
const document = JSON.parse(snapshot.slice(snapshot.indexOf("\n---\n") + 5));
const types = astToString(
  await openapiTS(document, { alphabetize: true, emptyObjectsUnknown: true }),
);
const banner = "// Made by scripts/types.js from the OpenAPI document. Not in version control.\n\n";
await writeFile(new URL("../src/api/schema.d.ts", import.meta.url), banner + types);
