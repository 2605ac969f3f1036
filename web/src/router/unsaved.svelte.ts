/**
 * What has been changed and is not saved: nobody loses it without being asked. A form says so while it is there; the router
 * asks before it leads elsewhere, a dialog before it closes, and the browser before it closes or reloads the page.
 */
import { tick, untrack } from "svelte";

interface Form {
  isDirty: () => boolean;
  /** Forgets the changes: the form may still be there after one has left. */
  discard: () => void;
}

/** What somebody is asked. */
interface Question {
  /** What would be lost: all that is on the page, or the form in a dialog alone. */
  about: "page" | "dialog";
  /** How to go on. */
  go: () => void;
}

class Unsaved {
  readonly #forms = new Set<Form>();
  question: Question | null = $state.raw(null);

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

  /** Asks whether to leave the page, and goes on if so. */
  askToLeave(go: () => void) {
    this.question = { about: "page", go };
  }

  /** Asks whether to drop what is in a dialog, and does so if so. */
  askToDiscard(form: Form) {
    this.question = { about: "dialog", go: form.discard };
  }

  stay() {
    this.question = null;
  }

  async leave(): Promise<void> {
    const question = this.question;
    if (!question) return;
    this.question = null;
    if (question.about === "page") for (const form of this.#forms) form.discard();
    // The question gives the focus back first, and dialogs that were discarded are gone.
    await tick();
    question.go();
  }
}

export const unsaved = new Unsaved();
