/** The small menus in which something is chosen for tickets: which one is open, beside what, and for which tickets. */

export type PickerKind = "assignee" | "status" | "priority" | "tags" | "snooze" | "due" | "merge";

class Pickers {
  open: { kind: PickerKind; anchor: HTMLElement; ids: string[] } | null = $state.raw(null);

  show(kind: PickerKind, ids: string[], anchor: HTMLElement | null) {
    const place = anchor ?? document.getElementById("main");
    if (place && ids.length > 0) this.open = { kind, anchor: place, ids };
  }

  close() {
    this.open = null;
  }
}

export const pickers = new Pickers();
