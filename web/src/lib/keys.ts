/** Keys by name: `j`, `?`, `shift+x`, `mod+k` (Cmd on a Mac, Ctrl elsewhere), and one after another: `g i`. */

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** The name of the key that was pressed; null for a modifier alone. */
export function nameOfKey(event: KeyboardEvent): string | null {
  const { key } = event;
  if (["Shift", "Control", "Alt", "Meta"].includes(key)) return null;
  const isMod = isMac ? event.metaKey : event.ctrlKey;
  const isOther = isMac ? event.ctrlKey : event.metaKey;
  if (isOther || event.altKey) return null;
  const isLetter = /^\p{L}$/u.test(key);
  const parts = [];
  if (isMod) parts.push("mod");
  // The shift in "?" is how that key is typed; with letters and named keys it means something.
  if (event.shiftKey && (isLetter || key.length > 1)) parts.push("shift");
  parts.push(key === " " ? "space" : key.toLowerCase());
  return parts.join("+");
}

/** Whether somebody is writing there, so that single keys are letters. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) {
    return !["checkbox", "radio", "button", "submit", "range", "color", "file"].includes(
      target.type,
    );
  }
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

const SHOWN: Record<string, string> = {
  mod: isMac ? "⌘" : "Ctrl",
  shift: isMac ? "⇧" : "Shift",
  enter: isMac ? "↵" : "Enter",
  escape: "Esc",
  arrowdown: "↓",
  arrowup: "↑",
  arrowleft: "←",
  arrowright: "→",
  space: "Space",
};

/** The keys of a shortcut as they are written on the keyboard, one after another. */
export function shownKeys(shortcut: string): string[] {
  return shortcut
    .split(" ")
    .flatMap((press) => press.split("+"))
    .map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part));
}
