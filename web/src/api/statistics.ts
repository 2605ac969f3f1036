/** Figures about a project's tickets (`/api/projects/:id/conversations/statistics/`). */
import { get, type RequestOptions } from "./client.ts";
import type { Schemas } from "./types.ts";

export type Statistics = Schemas["Statistics"];
export type Figures = Schemas["StatisticsFigures"];
export type Piece = Statistics["series"][number];

/** Days of the project's time zone, both included. */
export interface Period {
  date_from: string;
  date_to: string;
  interval: "day" | "week";
}

const base = (projectId: number) => `/api/projects/${projectId}/conversations/statistics`;

export const find = (projectId: number, period: Period, options: RequestOptions = {}) =>
  get<Statistics>(`${base(projectId)}/`, { ...options, query: { ...period } });

/** Where the same is to be had as a table for spreadsheets. */
export const csvHref = (projectId: number, period: Period) =>
  `${base(projectId)}.csv?${new URLSearchParams({ ...period }).toString()}`;
