/**
 * Everything that can be done now. Pages and parts of pages say what they offer while they are there; the command menu lists
 * it, the sheet of keys explains it, and one listener for the whole page carries it out.
 */
import type { IconName } from "~/components/icons";
import { isWriting, nameOfKey } from "~/lib/keys";
import { untrack } from "svelte";
import { preferences } from "./preferences.svelte";

export interface Command {
  id: string;
  title: string;
  group: string;
  icon?: IconName;
  /** See `lib/keys.ts`. The first one is shown. */
  keys?: string[];
  run: () => void;
  /** Works while somebody is writing, too; only for keys with a modifier. */
  always?: boolean;
  /** Not in the menu: a key for what is done there anyway, such as moving. */
  hidden?: boolean;
}

/** A second key has to come within this time. */
const SEQUENCE_MS = 1_200;

class Commands {
  isMenuOpen = $state(false);
  isSheetOpen = $state(false);

  readonly #offers = new Map<() => Command[], { isEverywhere: boolean }>();
  #version = $state(0);
  readonly list: Command[] = $derived.by(() => {
    void this.#version;
    // What is offered here is nearer to what one does than what is offered everywhere, and the latest is nearest.
    const rank = (offer: () => Command[]) => Number(this.#offers.get(offer)?.isEverywhere);
    const offers = [...this.#offers.keys()].reverse().toSorted((a, b) => rank(a) - rank(b));
    return offers.flatMap((offer) => offer());
  });

  #prefix: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Offers commands until the returned function is called: made for `$effect`. */
  offer(commands: () => Command[], { isEverywhere = false } = {}): () => void {
    const changed = () => untrack(() => (this.#version += 1));
    this.#offers.set(commands, { isEverywhere });
    changed();
    return () => {
      this.#offers.delete(commands);
      changed();
    };
  }

  /** The one listener for keys. */
  onKey(event: KeyboardEvent) {
    if (event.defaultPrevented || event.isComposing || event.repeat) {
      // Moving may be held down.
      if (!event.repeat || event.defaultPrevented) return;
    }
    const name = nameOfKey(event);
    if (!name) return;
    const isPlain = !name.startsWith("mod+");
    const writing = isWriting(event.target);
    if (isPlain && (writing || !preferences.singleKeys || isInDialog(event.target))) return;

    const pressed = this.#prefix ? `${this.#prefix} ${name}` : name;
    this.#forgetPrefix();
    const found = this.list.find(
      (command) => command.keys?.includes(pressed) && (!writing || command.always),
    );
    if (found) {
      event.preventDefault();
      found.run();
    } else if (
      this.list.some((command) => command.keys?.some((key) => key.startsWith(`${name} `)))
    ) {
      this.#prefix = name;
      this.#timer = setTimeout(() => this.#forgetPrefix(), SEQUENCE_MS);
    }
  }

  #forgetPrefix() {
    this.#prefix = null;
    clearTimeout(this.#timer);
  }
}

/** Dialogs and popovers have keys of their own. */
function isInDialog(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("dialog, [popover]") !== null;
}

export const commands = new Commands();
