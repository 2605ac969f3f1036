/** The views of the inbox, and how much is in each. */
import type { IconName } from "~/components/icons";
import { ApiError } from "~/api/client";
import * as api from "~/api/views";
import type { View, ViewCounts } from "~/api/views";
import { savedSort, type Sort } from "~/lib/filters";

export interface BuiltInView {
  id: string;
  label: string;
  icon: IconName;
  /** The letter after `g`. */
  key: string;
}

/** Those that every inbox has. The server knows them by the same words. */
export const BUILT_IN: BuiltInView[] = [
  { id: "mine", label: "Mine", icon: "person", key: "m" },
  { id: "unassigned", label: "Unassigned", icon: "inbox", key: "u" },
  { id: "open", label: "All open", icon: "list", key: "o" },
  { id: "snoozed", label: "Snoozed", icon: "snooze", key: "s" },
  { id: "breaching", label: "Breaching", icon: "warning", key: "b" },
  { id: "resolved", label: "Resolved", icon: "check", key: "r" },
];

/** The numbers are asked for at most this often. */
const EVERY_MS = 1_000;

class Views {
  saved: View[] = $state.raw([]);
  counts: ViewCounts = $state.raw({ built_in: {}, views: {} });

  #project = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastAsked = 0;

  /** The favourites first, as the server lists them. */
  readonly inOrder = $derived(
    this.saved.toSorted((a, b) => Number(b.is_favorited) - Number(a.is_favorited)),
  );

  async load(project: number) {
    this.#project = project;
    await Promise.all([this.#loadSaved(), this.#loadCounts()]);
  }

  nameOf(id: string): string {
    if (id === "all") return "All tickets";
    const builtIn = BUILT_IN.find((view) => view.id === id);
    return builtIn?.label ?? this.saved.find((view) => view.short_id === id)?.name ?? "Inbox";
  }

  /** The order that a view has itself, unless one asks for another. */
  sortOf(id: string): Sort {
    return savedSort(this.saved.find((view) => view.short_id === id)?.filters);
  }

  countOf(id: string): number | null {
    return (this.counts.built_in[id] ?? this.counts.views[id])?.count ?? null;
  }

  /** Something has changed: the numbers are asked for, soon and not too often. */
  touch() {
    if (this.#timer !== undefined) return;
    const wait = Math.max(100, this.#lastAsked + EVERY_MS - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#loadCounts();
    }, wait);
  }

  async create(view: Parameters<typeof api.create>[1]): Promise<View> {
    const created = await api.create(this.#project, view);
    this.saved = [created, ...this.saved];
    this.touch();
    return created;
  }

  async update(shortId: string, change: Partial<View>) {
    const updated = await api.update(this.#project, shortId, change);
    this.saved = this.saved.map((view) => (view.short_id === shortId ? updated : view));
  }

  async destroy(shortId: string) {
    await api.destroy(this.#project, shortId);
    this.saved = this.saved.filter((view) => view.short_id !== shortId);
  }

  async #loadSaved() {
    try {
      this.saved = (await api.list(this.#project)).results;
    } catch (error) {
      ignoreUnlessOurs(error);
    }
  }

  async #loadCounts() {
    this.#lastAsked = Date.now();
    try {
      this.counts = await api.counts(this.#project);
    } catch (error) {
      ignoreUnlessOurs(error);
    }
  }
}

/** Numbers that could not be had stay as they were: the list itself says what is wrong. */
function ignoreUnlessOurs(error: unknown) {
  if (!(error instanceof ApiError) && !(error instanceof Error)) throw error;
}

export const views = new Views();
