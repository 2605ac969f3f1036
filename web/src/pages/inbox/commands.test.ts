import { expect, test } from "vitest";
import type { Ticket } from "~/api/tickets";
import { SHORTCUTS } from "~/lib/shortcuts";
import { macros } from "~/stores/macros.svelte";
import { session } from "~/stores/session.svelte";
import { ticketList } from "~/stores/ticket-list.svelte";
import { toasts } from "~/stores/toasts.svelte";
import { inboxCommands } from "./commands";
import { suggested } from "./suggestion.svelte";

const nothing = () => undefined;
const scene = (ticket?: Ticket) => ({
  projectId: 1,
  view: "open",
  targets: () => (ticket ? [ticket.id] : [...ticketList.chosen]),
  ticket,
  move: nothing,
  next: nothing,
  resolve: nothing,
  snooze: nothing,
  suggest: nothing,
  useSuggestion: nothing,
  sendSuggestion: nothing,
  toggleRail: nothing,
  write: nothing,
  useMacro: nothing,
  back: nothing,
});
const ticket = { id: "one", status: "open" } as Ticket;

test("every key of the inbox is in the sheet of keys, also when no ticket is open", () => {
  session.me = { id: 1 } as typeof session.me;
  suggested.state = "there";
  ticketList.chosen = new Set();
  toasts.showDone("#1: resolved", nothing);
  const offered = [...inboxCommands(scene()), ...inboxCommands(scene(ticket))];
  ticketList.chosen = new Set(["one"]);
  offered.push(...inboxCommands(scene()));
  ticketList.chosen = new Set();

  const told = new Map(
    Object.values(SHORTCUTS).flatMap((list) => list.map((one) => [one.id, one])),
  );
  const keyed = offered.filter((command) => command.keys);
  expect(keyed.length).toBeGreaterThan(20);
  for (const { id, keys } of keyed) expect(keys, id).toContain(told.get(id)?.keys);
});

test("a macro is found by its name while a ticket is open", () => {
  macros.list = [{ short_id: "m1", name: "Thank you" }] as typeof macros.list;
  const titles = (one?: Ticket) => inboxCommands(scene(one)).map(({ title }) => title);
  expect(titles(ticket)).toContain("Use macro: Thank you");
  expect(titles()).not.toContain("Use macro: Thank you");
});
