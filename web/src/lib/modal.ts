/** Keeps the focus in what lies over the page, and gives it back afterwards. */

/** For a `<dialog>`: shows it over everything while it is in the page. */
export function modal(dialog: HTMLDialogElement): () => void {
  const giveBack = rememberFocus(dialog);
  dialog.showModal();
  return () => {
    dialog.close();
    giveBack();
  };
}

/** Remembers who has the focus; gives it back, unless somebody else has taken it meanwhile. */
export function rememberFocus(over: HTMLElement): () => void {
  const before = document.activeElement;
  return () => {
    const now = document.activeElement;
    const isLost = now === null || now === document.body || over.contains(now);
    if (isLost && before instanceof HTMLElement && before.isConnected) before.focus();
  };
}

const FOCUSABLE = "a[href], button, input, select, textarea, [tabindex='0']";

/** For Tab in what is no `<dialog>`: after the last comes the first again. */
export function keepTabIn(over: HTMLElement, event: KeyboardEvent) {
  const all = [...over.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
    (one) => !one.matches(":disabled") && one.getClientRects().length > 0,
  );
  const here = all.indexOf(document.activeElement as HTMLElement);
  const isAtEnd = event.shiftKey ? here <= 0 : here === all.length - 1;
  if (!isAtEnd) return;
  event.preventDefault();
  all.at(event.shiftKey ? -1 : 0)?.focus();
}
