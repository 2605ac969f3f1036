/** What a list of tickets is narrowed to: in the address, to the server, and in a saved view. */
import { PRIORITIES, STATUSES, type TicketQuery } from "~/api/tickets";

export interface Filters {
  search: string;
  status: string[];
  priority: string[];
  /** `me`, `unassigned`, `user:12`, `role:<uuid>`. */
  assignee: string[];
  channel: string;
  sla: "" | "breached" | "at-risk" | "on-track";
  tags: string[];
  sort: Sort;
}

export const SORTS = {
  "-updated_at": "Latest activity",
  updated_at: "Oldest activity",
  "-created_at": "Newest",
  created_at: "Oldest",
  sla_due_at: "Due first",
} as const;
export type Sort = keyof typeof SORTS;
export const DEFAULT_SORT: Sort = "-updated_at";

export const CHANNELS = ["widget", "email", "slack", "teams", "github"] as const;
export const SLA_WORDS = { breached: "Overdue", "at-risk": "Due soon", "on-track": "In time" };

const words = (text: string | null) => (text ?? "").split(",").filter(Boolean);

/** Reads the query of our own address; what it does not know it leaves out. `ownSort` is the order that the view has itself. */
export function readFilters(query: URLSearchParams, ownSort: Sort = DEFAULT_SORT): Filters {
  const sla = query.get("sla") ?? "";
  const sort = query.get("sort") ?? "";
  return {
    search: query.get("q") ?? "",
    status: words(query.get("status")).filter((word) => STATUSES.includes(word as never)),
    priority: words(query.get("priority")).filter((word) => PRIORITIES.includes(word as never)),
    assignee: words(query.get("assignee")),
    channel: query.get("channel") ?? "",
    sla: sla in SLA_WORDS ? (sla as Filters["sla"]) : "",
    tags: words(query.get("tags")),
    sort: sort in SORTS ? (sort as Sort) : ownSort,
  };
}

/** The address's query for filters; null for what is not set. */
export function writeFilters(
  filters: Filters,
  ownSort: Sort = DEFAULT_SORT,
): Record<string, string | null> {
  return {
    q: filters.search || null,
    status: filters.status.join(",") || null,
    priority: filters.priority.join(",") || null,
    assignee: filters.assignee.join(",") || null,
    channel: filters.channel || null,
    sla: filters.sla || null,
    tags: filters.tags.join(",") || null,
    sort: filters.sort === ownSort ? null : filters.sort,
  };
}

/** The query that the server is asked with. */
export function toQuery(view: string, filters: Filters, ownSort: Sort = DEFAULT_SORT): TicketQuery {
  return {
    view: view === "all" ? null : view,
    search: filters.search.trim(),
    status: filters.status.join(","),
    priority: filters.priority.join(","),
    assignee: filters.assignee.join(","),
    channel_source: filters.channel,
    sla: filters.sla,
    tags: filters.tags.length > 0 ? JSON.stringify(filters.tags) : null,
    order_by: filters.sort === ownSort ? null : filters.sort,
  };
}

/** Filters as a saved view keeps them. */
export function toSaved(filters: Filters): Record<string, unknown> {
  const saved: Record<string, unknown> = {};
  if (filters.search) saved["search"] = filters.search;
  if (filters.status.length) saved["status"] = filters.status;
  if (filters.priority.length) saved["priority"] = filters.priority;
  if (filters.assignee.length) saved["assignee"] = filters.assignee.join(",");
  if (filters.channel) saved["channel"] = filters.channel;
  if (filters.sla) saved["sla"] = filters.sla;
  if (filters.tags.length) saved["tags"] = filters.tags;
  if (filters.sort !== DEFAULT_SORT) {
    saved["sorting"] = {
      columnKey: filters.sort.replace("-", ""),
      order: filters.sort.startsWith("-") ? -1 : 1,
    };
  }
  return saved;
}

/** The order that a saved view has itself. */
export function savedSort(saved: Record<string, unknown> | undefined): Sort {
  const sorting = saved?.["sorting"] as { columnKey?: unknown; order?: unknown } | undefined;
  const isDescending = Number(sorting?.order) < 0 || String(sorting?.order).startsWith("desc");
  const sort = `${isDescending ? "-" : ""}${String(sorting?.columnKey)}`;
  return sort in SORTS ? (sort as Sort) : DEFAULT_SORT;
}

export const isNarrowed = (filters: Filters) =>
  Object.entries(writeFilters(filters)).some(([name, value]) => name !== "sort" && value !== null);
