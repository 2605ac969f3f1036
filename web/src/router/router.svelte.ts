/** Where we are. The address bar is the only place that knows; everything here follows it, the back button included. */
import { pages, type PageEntry } from "~/pages";
import { match, type Params } from "./routes.ts";

interface Place {
  page: PageEntry | null;
  params: Params;
  path: string;
  query: URLSearchParams;
}

class Router {
  #url = $state.raw(new URL(window.location.href));
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
    const onPop = () => (this.#url = new URL(window.location.href));
    const onClick = (event: MouseEvent) => this.#click(event);
    window.addEventListener("popstate", onPop);
    document.addEventListener("click", onClick);
    return () => {
      window.removeEventListener("popstate", onPop);
      document.removeEventListener("click", onClick);
    };
  }

  /** Goes to an address of ours. `replace`: without a step for the back button. */
  go(to: string, { replace = false } = {}) {
    const url = new URL(to, window.location.href);
    if (url.href === this.#url.href) return;
    if (replace) window.history.replaceState(null, "", url);
    else window.history.pushState(null, "", url);
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

function resolve(url: URL): Place {
  const path = url.pathname;
  for (const page of pages) {
    const params = match(page.path, path);
    if (params) return { page, params, path, query: url.searchParams };
  }
  return { page: null, params: {}, path, query: url.searchParams };
}

export const router = new Router();
