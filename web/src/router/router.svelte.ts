/** Where we are. The address bar is the only place that knows; everything here follows it, the back button included. */
import { pages, type PageEntry } from "~/pages";
import { match, type Params } from "./routes.ts";
import { unsaved } from "./unsaved.svelte";

interface Place {
  page: PageEntry | null;
  params: Params;
  path: string;
  query: URLSearchParams;
}

class Router {
  #url = $state.raw(new URL(window.location.href));
  /** The place of our page among those the back button knows: tells how far a step of it was. */
  #index = indexOf(window.history.state) ?? 0;
  readonly #place: Place = $derived(resolve(this.#url));

  get page() {
    return this.#place.page;
  }
  get params() {
    return this.#place.params;
  }
  get path() {
    return this.#place.path;
  }
  get query() {
    return this.#place.query;
  }
  /** Path and query, to come back to. */
  get here() {
    return this.#url.pathname + this.#url.search;
  }

  /** Follows the address bar, and links to our own pages. Returns how to stop. */
  start(): () => void {
    window.history.replaceState({ index: this.#index }, "");
    const onPop = () => this.#pop();
    const onClick = (event: MouseEvent) => this.#click(event);
    window.addEventListener("popstate", onPop);
    document.addEventListener("click", onClick);
    return () => {
      window.removeEventListener("popstate", onPop);
      document.removeEventListener("click", onClick);
    };
  }

  /** Goes to an address of ours; first asks who would lose something. `replace`: without a step for the back button. */
  go(to: string, { replace = false } = {}) {
    const url = new URL(to, window.location.href);
    if (url.href === this.#url.href) return;
    if (this.#loses(url)) {
      unsaved.askToLeave(() => this.go(url.href, { replace }));
      return;
    }
    if (replace) window.history.replaceState({ index: this.#index }, "", url);
    else window.history.pushState({ index: (this.#index += 1) }, "", url);
    this.#url = url;
  }

  /** Changes parameters of the query; null takes one away. */
  setQuery(changes: Record<string, string | null>, { replace = false } = {}) {
    const url = new URL(this.#url);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    this.go(url.href, { replace });
  }

  /** The browser has gone back or forward already. If something would be lost, it comes back, and one is asked. */
  #pop() {
    const url = new URL(window.location.href);
    // An entry that is not of our making is a new one, such as an anchor that was typed.
    const index = indexOf(window.history.state) ?? this.#index + 1;
    const steps = index - this.#index;
    if (steps !== 0 && this.#loses(url)) {
      window.history.go(-steps);
      unsaved.askToLeave(() => window.history.go(steps));
      return;
    }
    window.history.replaceState({ index }, "");
    this.#index = index;
    this.#url = url;
  }

  /** Within a page, such as from one filter to another, its forms stay. */
  #loses(url: URL): boolean {
    return url.pathname !== this.#url.pathname && unsaved.isAny;
  }

  #click(event: MouseEvent) {
    const isPlain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (event.defaultPrevented || event.button !== 0 || !isPlain) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href, window.location.href);
    if (url.origin !== window.location.origin || !resolve(url).page) return;
    event.preventDefault();
    this.go(url.href);
  }
}

function indexOf(state: unknown): number | null {
  const index = (state as { index?: unknown } | null)?.index;
  return typeof index === "number" ? index : null;
}

function resolve(url: URL): Place {
  const path = url.pathname;
  for (const page of pages) {
    const params = match(page.path, path);
    if (params) return { page, params, path, query: url.searchParams };
  }
  return { page: null, params: {}, path, query: url.searchParams };
}

export const router = new Router();
