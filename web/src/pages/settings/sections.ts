/** The sections of the settings: their addresses, their names, and the files they are in. */
import type { IconName } from "~/components/icons";
import type { Component } from "svelte";

export interface SectionProps {
  projectId: number;
  /** What is open in it. */
  item: string | null;
}

export interface Section {
  name: string;
  label: string;
  icon: IconName;
  /** Given {@link SectionProps}, of which it may take none. */
  load: () => Promise<{ default: Component<never> }>;
  /** Only admins may look, and why. */
  forAdmins?: string;
}

export const groups: { label: string; sections: Section[] }[] = [
  {
    label: "You",
    sections: [
      {
        name: "account",
        label: "Account",
        icon: "person",
        load: () => import("./sections/Account.svelte"),
      },
      {
        name: "api-keys",
        label: "API keys",
        icon: "lock",
        load: () => import("./sections/ApiKeys.svelte"),
      },
    ],
  },
  {
    label: "Project",
    sections: [
      {
        name: "general",
        label: "General",
        icon: "gear",
        load: () => import("./sections/General.svelte"),
      },
      {
        name: "members",
        label: "Members and roles",
        icon: "people",
        load: () => import("./sections/Members.svelte"),
      },
      {
        name: "widget",
        label: "Chat widget",
        icon: "widget",
        load: () => import("./sections/Widget.svelte"),
      },
      {
        name: "sla",
        label: "SLA and office hours",
        icon: "clock",
        load: () => import("./sections/Sla.svelte"),
      },
      {
        name: "macros",
        label: "Macros",
        icon: "bolt",
        load: () => import("./sections/Macros.svelte"),
      },
    ],
  },
  {
    label: "Assistant",
    sections: [
      {
        name: "assistant",
        label: "Model and replies",
        icon: "sparkle",
        load: () => import("./sections/Assistant.svelte"),
      },
      {
        name: "articles",
        label: "Articles",
        icon: "book",
        load: () => import("./sections/Articles.svelte"),
      },
      {
        name: "guidance",
        label: "Guidance",
        icon: "flag",
        load: () => import("./sections/Guidance.svelte"),
      },
    ],
  },
  {
    label: "Records",
    sections: [
      {
        name: "activity",
        label: "Activity log",
        icon: "list",
        load: () => import("./sections/Activity.svelte"),
      },
      {
        name: "outbox",
        label: "Outbox",
        icon: "mail",
        load: () => import("./sections/Outbox.svelte"),
        forAdmins: "A mail may hold a link that opens a customer's tickets.",
      },
      {
        name: "data",
        label: "Export and backup",
        icon: "archive",
        load: () => import("./sections/Data.svelte"),
      },
    ],
  },
];

export const sections = groups.flatMap((group) => group.sections);
