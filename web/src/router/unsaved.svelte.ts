/**
 * What has been changed on the page and is not saved: nobody loses it without being asked. A form says so while it is there;
 * the router asks before it leads elsewhere, and the browser before it closes or reloads the page.
 */
import { untrack } from "svelte";

interface Form {
  isDirty: () => boolean;
  /** Forgets the changes: the form may still be there after one has left. */
  discard: () => void;
}

class Unsaved {
  readonly #forms = new Set<Form>();
  /** How to go on, while somebody is asked whether to leave. */
  going: (() => void) | null = $state.raw(null);

  /** Whether something would be lost now. */
  get isAny(): boolean {
    return untrack(() => [...this.#forms].some((form) => form.isDirty()));
  }

  /** Looks after a form until the returned function is called: made for `$effect`. */
  hold(form: Form): () => void {
    this.#forms.add(form);
    return () => {
      this.#forms.delete(form);
      // Who is signed out meanwhile has left already.
      if (this.#forms.size === 0) this.stay();
    };
  }

  /** Asks whether to leave, and goes on if so. */
  ask(go: () => void) {
    this.going = go;
  }

  stay() {
    this.going = null;
  }

  leave() {
    const go = this.going;
    this.going = null;
    for (const form of this.#forms) form.discard();
    go?.();
  }
}

export const unsaved = new Unsaved();
