/** Some settings of the project, as they are being changed. */
import { ApiError, explain } from "~/api/client";
import * as projects from "~/api/projects";
import type { Project } from "~/api/types";
import { announce } from "~/lib/announce.svelte";
import { session } from "~/stores/session.svelte";
import { toasts } from "~/stores/toasts.svelte";

export class ProjectForm {
  /** As the server has it; null until it has been read. */
  saved: Project | null = $state.raw(null);
  /** As it is on screen. */
  values: Project | null = $state(null);
  /** What the server said about a field. */
  errors: Record<string, string> = $state({});
  failure: string | null = $state(null);
  isBusy = $state(false);

  readonly changes: projects.ProjectChange = $derived.by(() => {
    const { saved, values } = this;
    if (!saved || !values) return {};
    const names = Object.keys(values) as (keyof Project)[];
    const changed = names.filter(
      (name) => JSON.stringify(values[name]) !== JSON.stringify(saved[name]),
    );
    return Object.fromEntries(changed.map((name) => [name, $state.snapshot(values[name])]));
  });
  readonly isDirty: boolean = $derived(Object.keys(this.changes).length > 0);

  constructor(readonly projectId: number) {}

  async load(): Promise<void> {
    this.failure = null;
    try {
      this.#take(await projects.find(this.projectId));
    } catch (error) {
      this.failure = explain(error);
    }
  }

  /** True when everything has been saved. */
  async save(): Promise<boolean> {
    this.errors = {};
    this.failure = null;
    this.isBusy = true;
    try {
      this.#take(await projects.update(this.projectId, this.changes));
    } catch (error) {
      this.failure = explain(error);
      if (error instanceof ApiError && error.attr) {
        this.errors = { [error.attr.split("__")[0] ?? ""]: error.detail };
      }
      return false;
    } finally {
      this.isBusy = false;
    }
    toasts.show("Saved.");
    announce("Saved");
    if (this.saved?.name !== session.project?.name) void session.load();
    return true;
  }

  reset() {
    if (this.saved) this.values = structuredClone(this.saved);
    this.errors = {};
    this.failure = null;
  }

  #take(project: Project) {
    this.saved = project;
    this.values = structuredClone(project);
  }
}
