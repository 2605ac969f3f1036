import type { IconName } from "~/components/icons";
import { paths } from "~/router/paths";

/** A line of the side bar. */
export interface NavigationEntry {
  /** Name of the page, as in `pages/index.ts`. */
  page: string;
  label: string;
  icon: IconName;
  /** The letter after `g` that goes there. */
  key: string;
  to: (projectId: number) => string;
}

export const navigation: NavigationEntry[] = [
  { page: "inbox", label: "Inbox", icon: "inbox", key: "i", to: (id) => paths.inbox(id) },
  { page: "chat", label: "Assistant", icon: "sparkle", key: "c", to: (id) => paths.chat(id) },
  { page: "overview", label: "Overview", icon: "chart", key: "v", to: (id) => paths.overview(id) },
  { page: "settings", label: "Settings", icon: "gear", key: ",", to: (id) => paths.settings(id) },
];
