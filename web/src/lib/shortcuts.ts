/**
 * The keys of parts that are not always on the page, for the sheet of keys: whoever looks there wants to know them before.
 * What each does, and when, is with the part; `pages/inbox/commands.test.ts` sees to it that nothing is missing here.
 */

export interface Shortcut {
  /** That of the command. */
  id: string;
  title: string;
  keys: string;
}

export const SHORTCUTS: Record<string, Shortcut[]> = {
  "This ticket": [
    { id: "resolve", title: "Resolve and go to the next", keys: "e" },
    { id: "reply", title: "Reply", keys: "r" },
    { id: "note", title: "Write a note", keys: "n" },
    { id: "assign-me", title: "Assign to me", keys: "i" },
    { id: "assign", title: "Assign …", keys: "a" },
    { id: "snooze", title: "Snooze …", keys: "s" },
    { id: "due", title: "Due …", keys: "d" },
    { id: "label", title: "Tags …", keys: "l" },
    { id: "priority", title: "Priority …", keys: "p" },
    { id: "status", title: "Status …", keys: "shift+s" },
    { id: "merge", title: "Merge into another ticket …", keys: "m" },
    { id: "undo", title: "Undo what was done last", keys: "z" },
  ],
  "Suggested reply": [
    { id: "suggest", title: "Suggest a reply", keys: "w" },
    { id: "suggestion-send", title: "Send the suggestion as it is", keys: "1" },
    { id: "suggestion-edit", title: "Edit the suggestion", keys: "2" },
    { id: "suggestion-reject", title: "Reject the suggestion", keys: "3" },
  ],
  "While writing": [
    { id: "send", title: "Send", keys: "mod+enter" },
    { id: "send-resolve", title: "Send and resolve", keys: "mod+shift+enter" },
    { id: "use-macro", title: "Use a macro", keys: "/" },
    { id: "mention", title: "Mention somebody in a note", keys: "@" },
    { id: "leave", title: "Leave the editor", keys: "escape" },
  ],
  Move: [
    { id: "next", title: "Next ticket", keys: "j" },
    { id: "previous", title: "Previous ticket", keys: "k" },
    { id: "open", title: "Open the first ticket", keys: "enter" },
    { id: "search", title: "Search tickets", keys: "/" },
    { id: "back", title: "Back to the list", keys: "u" },
    { id: "rail", title: "Show or hide details", keys: "]" },
  ],
  Selection: [
    { id: "select", title: "Select this ticket", keys: "x" },
    { id: "select-range", title: "Select up to here", keys: "shift+x" },
    { id: "select-all", title: "Select all that are loaded", keys: "mod+shift+a" },
    { id: "select-none", title: "Select none", keys: "escape" },
  ],
  Assistant: [{ id: "chat.write", title: "Write to the assistant", keys: "r" }],
};
