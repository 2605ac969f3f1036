/** Scopes as choices: for each thing nothing, reading, or both. */
import type { ScopeDescription } from "~/api/personal-api-keys";

export type Choice = "none" | "read" | "write";

export interface Area {
  object: string;
  label: string;
  /** What reading means. */
  read: string;
  write: string;
}

/** The API spells some things as they do elsewhere. */
const LABELS: Record<string, string> = { organization: "Organisation" };

export function areasOf(scopes: ScopeDescription[]): Area[] {
  const areas: Area[] = [];
  for (const { scope, description } of scopes) {
    const [object, verb] = scope.split(":");
    if (!object || (verb !== "read" && verb !== "write")) continue;
    let area = areas.find((one) => one.object === object);
    if (!area) {
      const words = object.replace(/_/g, " ");
      area = {
        object,
        label: LABELS[object] ?? words.charAt(0).toUpperCase() + words.slice(1),
        read: "",
        write: "",
      };
      areas.push(area);
    }
    area[verb] = description;
  }
  return areas;
}

/** Writing includes reading, so one scope for each thing is enough. */
export function scopesOf(choices: Record<string, Choice>): string[] {
  return Object.entries(choices)
    .filter(([, choice]) => choice !== "none")
    .map(([object, choice]) => `${object}:${choice}`);
}
