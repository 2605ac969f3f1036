/** How this browser shows the app. Kept in the browser only. */
import { keep, kept } from "~/lib/storage";

export type Theme = "system" | "light" | "dark";

interface Kept {
  theme: Theme;
  /** Single keys such as `j` and `r` work. */
  singleKeys: boolean;
  /** Replies are written in the rich editor, not as Markdown. */
  richText: boolean;
  /** The rail beside a ticket is shown. */
  rail: boolean;
}

const KEY = "thicket.preferences";
const DEFAULTS: Kept = { theme: "system", singleKeys: true, richText: true, rail: true };

class Preferences {
  #kept: Kept = $state.raw({ ...DEFAULTS, ...kept<Partial<Kept>>(KEY, {}) });

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
  get richText() {
    return this.#kept.richText;
  }
  set richText(richText: boolean) {
    this.#keep({ richText });
  }
  get rail() {
    return this.#kept.rail;
  }
  set rail(rail: boolean) {
    this.#keep({ rail });
  }

  #keep(change: Partial<Kept>) {
    this.#kept = { ...this.#kept, ...change };
    keep(KEY, this.#kept);
  }
}

export const preferences = new Preferences();
