/** How this browser shows the app. Kept in the browser only. */

export type Theme = "system" | "light" | "dark";

interface Kept {
  theme: Theme;
  /** Single keys such as `j` and `r` work. */
  singleKeys: boolean;
}

const KEY = "thicket.preferences";
const DEFAULTS: Kept = { theme: "system", singleKeys: true };

class Preferences {
  #kept: Kept = $state(read());

  get theme() {
    return this.#kept.theme;
  }
  set theme(theme: Theme) {
    this.#keep({ theme });
  }
  get singleKeys() {
    return this.#kept.singleKeys;
  }
  set singleKeys(singleKeys: boolean) {
    this.#keep({ singleKeys });
  }

  #keep(change: Partial<Kept>) {
    this.#kept = { ...this.#kept, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#kept));
    } catch {
      // A browser that keeps nothing shows the defaults the next time.
    }
  }
}

function read(): Kept {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { ...DEFAULTS, ...(kept as Partial<Kept>) };
  } catch {
    return DEFAULTS;
  }
}

export const preferences = new Preferences();
