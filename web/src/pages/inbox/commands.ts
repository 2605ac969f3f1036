/** Everything that can be done in the inbox, with its keys. */
import type { Macro } from "~/api/macros";
import type { Status, Ticket } from "~/api/tickets";
import { PRIORITIES, STATUSES } from "~/api/tickets";
import { PRIORITY_WORDS, STATUS_WORDS } from "~/lib/tickets";
import { presets } from "~/lib/when";
import { until } from "~/lib/time";
import type { Command } from "~/stores/commands.svelte";
import { macros } from "~/stores/macros.svelte";
import { session } from "~/stores/session.svelte";
import { ticketList } from "~/stores/ticket-list.svelte";
import { toasts } from "~/stores/toasts.svelte";
import { change } from "./actions";
import { pickers, type PickerKind } from "./pickers.svelte";
import { suggested } from "./suggestion.svelte";

export interface InboxScene {
  projectId: number;
  view: string;
  /** What is chosen, else what is open. */
  targets: () => string[];
  ticket: Ticket | undefined;
  move: (by: number) => void;
  next: () => void;
  resolve: () => void;
  snooze: (ids: string[], until: string) => void;
  suggest: () => void;
  useSuggestion: () => void;
  sendSuggestion: () => void;
  toggleRail: () => void;
  write: (kind: "reply" | "note") => void;
  useMacro: (macro: Macro) => void;
  back: () => void;
}

export function inboxCommands(scene: InboxScene): Command[] {
  return [...working(scene), ...moving(scene), ...undoing()];
}

function undoing(): Command[] {
  const { wayBack } = toasts;
  if (!wayBack) return [];
  return [
    {
      id: "undo",
      title: `Undo: ${wayBack.what}`,
      group: "What was done last",
      icon: "refresh",
      keys: ["z"],
      run: wayBack.run,
    },
  ];
}

function moving({ move, back, ticket, toggleRail }: InboxScene): Command[] {
  const group = "Move";
  const found: Command[] = [
    {
      id: "next",
      title: "Next ticket",
      group,
      keys: ["j", "arrowdown"],
      run: () => move(1),
      hidden: true,
    },
    {
      id: "previous",
      title: "Previous ticket",
      group,
      keys: ["k", "arrowup"],
      run: () => move(-1),
      hidden: true,
    },
    {
      id: "search",
      title: "Search tickets",
      group,
      icon: "search",
      keys: ["/"],
      run: () => document.getElementById("ticket-search")?.focus(),
    },
    {
      id: "select-all",
      title: "Select all that are loaded",
      group: "Selection",
      keys: ["mod+shift+a"],
      run: () => ticketList.chooseAllLoaded(),
    },
  ];
  if (ticketList.isChoosing) {
    found.push({
      id: "select-none",
      title: "Select none",
      group: "Selection",
      keys: ["escape"],
      run: () => ticketList.chooseNone(),
    });
  } else if (ticket) {
    found.push({ id: "back", title: "Back to the list", group, keys: ["u", "escape"], run: back });
  } else {
    found.push({
      id: "open",
      title: "Open the first ticket",
      group,
      keys: ["enter"],
      run: () => move(1),
      hidden: true,
    });
  }
  if (ticket) {
    found.push(
      {
        id: "select",
        title: "Select this ticket",
        group: "Selection",
        keys: ["x"],
        run: () => ticketList.choose(ticket.id),
      },
      {
        id: "select-range",
        title: "Select up to here",
        group: "Selection",
        keys: ["shift+x"],
        run: () => ticketList.choose(ticket.id, true),
      },
      {
        id: "rail",
        title: "Show or hide details",
        group,
        icon: "panel",
        keys: ["]"],
        run: toggleRail,
      },
    );
  }
  return found;
}

function working(scene: InboxScene): Command[] {
  const { projectId, targets, ticket, resolve, snooze, write, suggest } = scene;
  if (targets().length === 0) return [];
  const many = ticketList.chosen.size;
  const group = many > 0 ? `${many} selected` : "This ticket";
  const pick = (kind: PickerKind) => () => pickers.show(kind, targets(), anchorOf(kind));
  const set = (status: Status) => () => void change(projectId, targets(), { status });
  const me = session.me;
  const found: Command[] = [
    {
      id: "resolve",
      title: many > 0 ? "Resolve" : "Resolve and go to the next",
      group,
      icon: "check",
      keys: ["e"],
      run: resolve,
    },
    { id: "assign", title: "Assign …", group, icon: "person", keys: ["a"], run: pick("assignee") },
    { id: "snooze", title: "Snooze …", group, icon: "snooze", keys: ["s"], run: pick("snooze") },
    { id: "due", title: "Due …", group, icon: "clock", keys: ["d"], run: pick("due") },
    { id: "label", title: "Tags …", group, icon: "tag", keys: ["l"], run: pick("tags") },
    {
      id: "priority",
      title: "Priority …",
      group,
      icon: "flag",
      keys: ["p"],
      run: pick("priority"),
    },
    {
      id: "status",
      title: "Status …",
      group,
      icon: "list",
      keys: ["shift+s"],
      run: pick("status"),
    },
  ];
  if (me) {
    found.push({
      id: "assign-me",
      title: "Assign to me",
      group,
      icon: "hand",
      keys: ["i"],
      run: () => void change(projectId, targets(), { assignee: { type: "user", id: me.id } }),
    });
  }
  if (ticket && many === 0) {
    found.push(
      {
        id: "reply",
        title: "Reply",
        group,
        icon: "reply",
        keys: ["r", "enter"],
        run: () => write("reply"),
      },
      {
        id: "note",
        title: "Write a note",
        group,
        icon: "lock",
        keys: ["n"],
        run: () => write("note"),
      },
      {
        id: "suggest",
        title: "Suggest a reply",
        group,
        icon: "sparkle",
        keys: ["w"],
        run: suggest,
      },
      {
        id: "merge",
        title: "Merge into another ticket …",
        group,
        icon: "merge",
        keys: ["m"],
        run: pick("merge"),
      },
    );
  }
  if (ticket && suggested.state === "there") {
    const group = "Suggested reply";
    found.push(
      {
        id: "suggestion-send",
        title: "Send the suggestion as it is",
        group,
        keys: ["1"],
        run: scene.sendSuggestion,
      },
      {
        id: "suggestion-edit",
        title: "Edit the suggestion",
        group,
        keys: ["2"],
        run: scene.useSuggestion,
      },
      {
        id: "suggestion-reject",
        title: "Reject the suggestion",
        group,
        keys: ["3"],
        run: () => suggested.dismiss(),
      },
    );
  }
  if (ticket && many === 0) {
    for (const macro of macros.list) {
      found.push({
        id: `macro-${macro.short_id}`,
        title: `Use macro: ${macro.name}`,
        group: "Macros",
        icon: "bolt",
        run: () => scene.useMacro(macro),
      });
    }
  }
  for (const status of STATUSES) {
    if (ticket?.status === status && many === 0) continue;
    found.push({
      id: `status-${status}`,
      title: `Set status: ${STATUS_WORDS[status]}`,
      group,
      run: set(status),
    });
  }
  for (const priority of PRIORITIES) {
    found.push({
      id: `priority-${priority}`,
      title: `Set priority: ${PRIORITY_WORDS[priority]}`,
      group,
      run: () => void change(projectId, targets(), { priority }),
    });
  }
  for (const { label, at } of presets()) {
    const time = at.toISOString();
    found.push({
      id: `snooze-${label}`,
      title: `Snooze: ${label} (${until(time)})`,
      group,
      run: () => snooze(targets(), time),
    });
  }
  return found;
}

/** The button that stands for it, so that the menu opens where one would have pressed. */
function anchorOf(kind: PickerKind): HTMLElement | null {
  const label = {
    assignee: "Assign",
    snooze: "Snooze",
    tags: "Tags",
    priority: "Priority",
    status: "Status",
    due: "Due",
    merge: "Merge",
  }[kind];
  const scope = ticketList.chosen.size > 0 ? ".bar" : ".ticket";
  const found = document.querySelector<HTMLElement>(`${scope} [aria-label="${label}"]`);
  // On a phone some are hidden.
  if (found?.checkVisibility()) return found;
  return document.querySelector<HTMLElement>(".ticket .status");
}
