/** What can be done on every page. */
import { explain } from "~/api/client";
import { paths } from "~/router/paths";
import { router } from "~/router/router.svelte";
import { unsaved } from "~/router/unsaved.svelte";
import { announce } from "~/lib/announce.svelte";
import { availability } from "~/stores/availability.svelte";
import { commands, type Command } from "~/stores/commands.svelte";
import { preferences, type Theme } from "~/stores/preferences.svelte";
import { session } from "~/stores/session.svelte";
import { toasts } from "~/stores/toasts.svelte";
import { BUILT_IN, views } from "~/stores/views.svelte";
import { sections } from "~/pages/settings/sections";
import { navigation } from "./navigation";

const THEMES: Record<Theme, string> = {
  system: "Colours as the system has them",
  light: "Light colours",
  dark: "Dark colours",
};

export function shellCommands(projectId: number): Command[] {
  const go = "Go to";
  const isAvailable = availability.isAvailable(session.me?.id);
  return [
    {
      id: "menu",
      title: "Command menu",
      group: "Everywhere",
      keys: ["mod+k"],
      always: true,
      hidden: true,
      run: () => (commands.isMenuOpen = !commands.isMenuOpen),
    },
    {
      id: "keys",
      title: "All keys",
      group: "Everywhere",
      icon: "keyboard",
      keys: ["?"],
      run: () => (commands.isSheetOpen = true),
    },
    ...BUILT_IN.map((view) => ({
      id: `view-${view.id}`,
      title: view.label,
      group: go,
      icon: view.icon,
      keys: [`g ${view.key}`],
      run: () => router.go(paths.inbox(projectId, view.id)),
    })),
    ...views.inOrder.map((view) => ({
      id: `view-${view.short_id}`,
      title: view.name,
      group: go,
      icon: "star" as const,
      run: () => router.go(paths.inbox(projectId, view.short_id)),
    })),
    ...navigation.map((entry) => ({
      id: `page-${entry.page}`,
      title: entry.label,
      group: go,
      icon: entry.icon,
      keys: [`g ${entry.key}`],
      run: () => router.go(entry.to(projectId)),
    })),
    ...sections
      .filter((section) => !section.forAdmins || session.isAdmin)
      .map((section) => ({
        id: `settings-${section.name}`,
        title: section.label,
        group: "Settings",
        icon: section.icon,
        run: () => router.go(paths.settings(projectId, section.name)),
      })),
    ...(Object.keys(THEMES) as Theme[]).map((theme) => ({
      id: `theme-${theme}`,
      title: THEMES[theme],
      group: "This browser",
      icon: theme === "dark" ? ("moon" as const) : ("sun" as const),
      run: () => void (preferences.theme = theme),
    })),
    {
      id: "single-keys",
      title: preferences.singleKeys ? "Switch single keys off" : "Switch single keys on",
      group: "This browser",
      icon: "keyboard",
      run: () => void (preferences.singleKeys = !preferences.singleKeys),
    },
    {
      id: "availability",
      title: isAvailable ? "Go away: take no tickets" : "Be available: take tickets",
      group: "Account",
      icon: "person",
      run: () => void setAvailable(!isAvailable),
    },
    {
      id: "sign-out",
      title: "Sign out",
      group: "Account",
      icon: "signOut",
      run: () => void signOut(),
    },
  ];
}

/** Says whether one takes tickets. */
export async function setAvailable(isAvailable: boolean) {
  if (!session.me) return;
  try {
    await availability.set(session.me.id, isAvailable);
    announce(isAvailable ? "You take tickets." : "You are away.");
  } catch (error) {
    toasts.show(explain(error), { tone: "danger" });
  }
}

/** Also asks who would lose something. */
export async function signOut() {
  if (unsaved.isAny) {
    unsaved.askToLeave(() => void signOut());
    return;
  }
  try {
    await session.signOut();
    router.go(paths.signin());
  } catch (error) {
    toasts.show(explain(error), { tone: "danger" });
  }
}
