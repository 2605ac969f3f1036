/**
 * Every page of the app: its address, and the folder it is in. A page is loaded when it is first opened.
 *
 * A new page: a folder beside this file, a line here, and, if it belongs into the side bar, a line in
 * `components/shell/navigation.ts`.
 */
import type { Component } from "svelte";

export interface PageEntry {
  name: string;
  /** See `router/routes.ts`. */
  path: string;
  load: () => Promise<{ default: Component }>;
  /** Seen without signing in, and without the side bar. */
  isOpen?: boolean;
}

export const pages: PageEntry[] = [
  { name: "home", path: "/", load: () => import("./home/HomePage.svelte") },
  {
    name: "signin",
    path: "/signin",
    load: () => import("./signin/SigninPage.svelte"),
    isOpen: true,
  },
  {
    name: "setup",
    path: "/setup",
    load: () => import("./setup/SetupPage.svelte"),
    isOpen: true,
  },
  {
    name: "invite",
    path: "/invite/:token",
    load: () => import("./invite/InvitePage.svelte"),
    isOpen: true,
  },
  {
    name: "inbox",
    path: "/project/:project/inbox/:view?/:ticket?",
    load: () => import("./inbox/InboxPage.svelte"),
  },
  {
    name: "chat",
    path: "/project/:project/chat/:conversation?",
    load: () => import("./chat/ChatPage.svelte"),
  },
  {
    name: "overview",
    path: "/project/:project/overview",
    load: () => import("./overview/OverviewPage.svelte"),
  },
  {
    name: "settings",
    path: "/project/:project/settings/:section?/:item?",
    load: () => import("./settings/SettingsPage.svelte"),
  },
];
