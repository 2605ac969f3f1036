/** Who is signed in, and in which project. */
import * as sessions from "~/api/sessions";
import * as users from "~/api/users";
import { ApiError, onSignedOut } from "~/api/client";
import { ADMIN_LEVEL, type Me, type ProjectSummary } from "~/api/types";

class Session {
  /** `unknown` until the server has been asked. */
  state: "unknown" | "out" | "in" = $state("unknown");
  me: Me | null = $state.raw(null);

  readonly project: ProjectSummary | null = $derived(this.me?.team ?? null);
  readonly isAdmin: boolean = $derived(
    (this.me?.organization?.membership_level ?? 0) >= ADMIN_LEVEL,
  );
  /** What the person is called on screen. */
  readonly name: string = $derived(nameOf(this.me));

  constructor() {
    onSignedOut(() => this.#forget());
  }

  /**
   * Asks the server who we are.
   *
   * @throws {NetworkError} it does not answer.
   */
  async load(): Promise<void> {
    try {
      this.me = await users.find();
      this.state = "in";
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      this.#forget();
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    await sessions.signIn(email, password);
    await this.load();
  }

  async signOut(): Promise<void> {
    await sessions.signOut();
    this.#forget();
  }

  #forget() {
    this.me = null;
    this.state = "out";
  }
}

function nameOf(me: Me | null): string {
  if (!me) return "";
  return [me.first_name, me.last_name].filter(Boolean).join(" ") || me.email;
}

export const session = new Session();
