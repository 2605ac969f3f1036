/** Short notices at the edge of the page, also read aloud. */

export interface Toast {
  id: number;
  text: string;
  tone: "plain" | "danger";
  action?: { label: string; run: () => void } | undefined;
}

const SHOWN_MS = 6_000;
/** Who has something to decide, or an error to read, gets more time. */
const SHOWN_LONGER_MS = 12_000;
/** Who works fast is not to have the list covered: of what went well only the last are shown. Errors all stay. */
const PLAIN_MAX = 2;

class Toasts {
  list: Toast[] = $state([]);
  /** The way back from what was done last: for the key, also when the notice has gone. */
  wayBack: { what: string; run: () => void } | null = $state.raw(null);
  #next = 1;

  show(text: string, options: Partial<Pick<Toast, "tone" | "action">> = {}): number {
    const { tone = "plain", action } = options;
    const id = this.#next++;
    this.list.push({ id, text, tone, action });
    const plain = this.list.filter((toast) => toast.tone === "plain");
    plain.slice(0, -PLAIN_MAX).forEach((toast) => this.dismiss(toast.id));
    const longer = action !== undefined || tone === "danger";
    setTimeout(() => this.dismiss(id), longer ? SHOWN_LONGER_MS : SHOWN_MS);
    return id;
  }

  /** Tells what was done, and offers to undo it: with a button for a while, and by the key until something else is done. */
  showDone(text: string, undo: () => void) {
    const run = () => {
      this.dismiss(id);
      if (this.wayBack === wayBack) this.wayBack = null;
      undo();
    };
    const wayBack = { what: text, run };
    const id = this.show(text, { action: { label: "Undo", run } });
    this.wayBack = wayBack;
  }

  dismiss(id: number) {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
